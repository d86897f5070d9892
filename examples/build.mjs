/** Builds the add-on of an example: `node examples/build.mjs ask`; of all without a name. */

import { copyFile, rename } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { buildAddon } from '../devtools/addon.mjs'
import { chosen, main } from '../scripts/command.mjs'

await main(async () => {
  for (const name of chosen('example', process.argv.slice(2), ['ask', 'follow', 'serial'])) {
    const file = fileURLToPath(new URL(`${name}/${name}.node`, import.meta.url))
    // Not written in place: a process that has the old one loaded would crash.
    await copyFile(await buildAddon(name), `${file}.new`)
    await rename(`${file}.new`, file)
  }
})
