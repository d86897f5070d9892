/** `npm run bench -- NAME …`: installs the peers, builds the add-on, and runs bench/NAME.mjs; without a name, all of them. */

import { readdirSync } from 'node:fs'
import path from 'node:path'
import { build } from '../scripts/build.mjs'
import { Failure, main, must, root } from '../scripts/command.mjs'
import { install } from '../scripts/install.mjs'

const folder = path.join(root, 'bench')

await main(async () => {
  const known = readdirSync(folder)
    .filter((name) => name.endsWith('.mjs') && name !== 'run.mjs')
    .map((name) => path.parse(name).name)
  const split = process.argv.indexOf('--')
  const named = process.argv.slice(2, split === -1 ? undefined : split)
  const unknown = named.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Failure(`no benchmark "${unknown.join('", "')}"; there are: ${known.join(', ')}`)

  await build()
  await install(folder)
  const args = split === -1 ? [] : process.argv.slice(split + 1)
  for (const name of named.length > 0 ? named : known) {
    console.log(`\n== ${name}`)
    await must(process.execPath, [path.join(folder, `${name}.mjs`), ...args])
  }
})
