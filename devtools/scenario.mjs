/** Runs a lifecycle scenario in a process of its own, on any runtime. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import file from './scenarios.cjs'

export const { scenarios } = file

const script = fileURLToPath(new URL('./scenarios.cjs', import.meta.url))

/**
 * @param {string} name
 * @param {object} [runtime] the command before the script's name; default: this Node
 * @param {string[]} [runtime.command]
 * @param {Record<string, string>} [runtime.env]
 * @param {number} [runtime.timeout] milliseconds after which a hanging process is killed
 * @param {(flags: string[]) => string[]} [runtime.flags] how the runtime is told V8's flags
 */
export async function runScenario(
  name,
  { command = [process.execPath], env = {}, timeout = 60_000, flags = (wanted) => wanted } = {},
) {
  const { code = 0, stderr, flags: wanted = [] } = scenarios[name]
  const [runtime, ...args] = command
  const child = spawn(runtime, [...args, ...flags(wanted), script, name], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const ended = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(signal ?? code))
  })
  assert.equal(ended, code, `"${name}" ended with ${ended}:\n${output}`)
  if (stderr !== undefined) assert.match(output, stderr)
}
