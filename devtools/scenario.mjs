/** Runs a lifecycle scenario in a process of its own, on any runtime. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { buildAddon } from './addon.mjs'

const require = createRequire(import.meta.url)
const script = (name) => fileURLToPath(new URL(name, import.meta.url))

/**
 * @typedef {object} Scenario
 * @property {string} script
 * @property {boolean} [long] it takes minutes
 * @property {string[]} [only] the runtimes that have what it needs
 * @property {string[]} [flags] V8's
 * @property {number} [code] the exit code
 * @property {RegExp} [stderr]
 */

/**
 * The scenarios of our own add-on, by name.
 * @returns {Record<string, Scenario>}
 */
export const ownScenarios = () => scenariosOf('./scenarios.cjs')

/**
 * Those of an add-on that is made with the bridge.
 * @param {string} [cases] the `.node` file of that one; built if it is not given
 * @returns {Promise<Record<string, Scenario>>}
 */
export async function bridgeScenarios(cases) {
  process.env.BRIDGE_CASES = cases ?? (await buildAddon('bridge-cases'))
  return scenariosOf('./bridge-scenarios.cjs')
}

function scenariosOf(name) {
  const file = script(name)
  const scenarios = Object.entries(require(file).scenarios)
  return Object.fromEntries(scenarios.map(([name, scenario]) => [name, { ...scenario, script: file }]))
}

/**
 * @param {string} name
 * @param {Scenario} scenario
 * @param {object} [runtime] the command before the script's name; default: this Node
 * @param {string[]} [runtime.command]
 * @param {Record<string, string>} [runtime.env]
 * @param {number} [runtime.timeout] milliseconds after which a hanging process is killed
 * @param {(flags: string[]) => string[]} [runtime.flags] how the runtime is told V8's flags
 */
export async function runScenario(
  name,
  { code = 0, stderr, flags: wanted = [], script: file },
  { command = [process.execPath], env = {}, timeout = 60_000, flags = (given) => given } = {},
) {
  const [runtime, ...args] = command
  const child = spawn(runtime, [...args, ...flags(wanted), file, name], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const ended = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exit, signal) => resolve(signal ?? exit))
  })
  assert.equal(ended, code, `"${name}" ended with ${ended}:\n${output}`)
  if (stderr !== undefined) assert.match(output, stderr)
}
