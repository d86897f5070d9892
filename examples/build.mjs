/** Builds the add-on of an example: `node examples/build.mjs ask`. */

import { copyFile, rename } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { buildAddon } from '../devtools/addon.mjs'

const [name] = process.argv.slice(2)
const file = fileURLToPath(new URL(`${name}/${name}.node`, import.meta.url))
// Not written in place: a process that has the old one loaded would crash.
await copyFile(await buildAddon(name), `${file}.new`)
await rename(`${file}.new`, file)
