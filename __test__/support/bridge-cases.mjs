/** The add-on of the bridge's tests, and scripts that use it in processes of their own. */

import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { buildAddon } from '../../devtools/addon.mjs'

const run = promisify(execFile)
const file = await buildAddon('bridge-cases')

/** @type {any} */
export const cases = createRequire(import.meta.url)(file)

/** What a script prints that has `cases`, in a process that must end by itself. */
export async function script(body) {
  const source = `const cases = require(${JSON.stringify(file)})\n${body}`
  const options = { timeout: 20_000, killSignal: /** @type {const} */ ('SIGKILL') }
  const { stdout } = await run(process.execPath, ['--expose-gc', '-e', source], options)
  return stdout.trim()
}
