/** Runs programs, with their output in view, and says what to install when one is missing. */

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout's top folder, with a separator at its end. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** What cargo takes for the crates without napi. */
export const core = [
  ...['--package', 'texample', '--package', 'texample-bridge'],
  ...['--no-default-features', '--features', 'texample/ids'],
]

/** What a person must do before a script can go on: printed without a stack. */
export class Failure extends Error {}

const howToInstall = {
  cargo: 'Rust 1.89 or later is needed. Install it with rustup (https://rustup.rs), then try again.',
  python3: 'Python 3 with pip is needed. On Debian: apt-get install python3 python3-pip',
  npm: 'npm is needed; it comes with Node.js.',
  rustup: 'rustup is needed (https://rustup.rs): it has the standard library of other systems.',
  'apt-get': 'apt is needed: run this on Debian.',
  git: 'git is needed. On Debian: apt-get install git',
}

/**
 * @typedef {object} RunOptions
 * @property {Record<string, string | undefined>} [env] on top of this process's own
 * @property {boolean} [capture] collect stdout and stderr instead of showing them
 * @property {boolean} [echo] with `capture`: show them too
 * @property {string} [cwd] where, if not in the checkout's top folder
 */

/**
 * Runs a program to its end.
 * @param {string} command
 * @param {string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(command, args, options = {}) {
  const { env, capture = false, echo = false, cwd = root } = options
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', capture ? 'pipe' : 'inherit', capture ? 'pipe' : 'inherit'],
      shell: process.platform === 'win32' && command === 'npm',
    })
    let output = ''
    for (const [stream, screen] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text
        if (echo) screen.write(text)
      })
    }
    child.on('error', (cause) => {
      const hint = cause.code === 'ENOENT' ? howToInstall[command] : undefined
      reject(new Failure(hint ?? `${command} could not be started: ${cause.message}`))
    })
    child.on('close', (code, signal) =>
      resolve({ code: code ?? 1, output: signal ? `${output}\nended by ${signal}` : output }),
    )
  })
}

/**
 * Runs a program that must succeed.
 * @param {string} command
 * @param {string[]} args
 * @param {RunOptions} [options]
 */
export async function must(command, args, options) {
  const { code, output } = await run(command, args, options)
  if (code !== 0) throw new Failure(`${output}${[command, ...args].join(' ')} failed with exit code ${code}`)
  return output
}

/**
 * The command line of a program that a package in node_modules brings, without a shell in between.
 * @param {string} packageName
 * @param {string} [bin] its name, where the package has several
 */
export function tool(packageName, bin) {
  const folder = path.join(root, 'node_modules', packageName)
  const { bin: bins } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  return path.join(folder, typeof bins === 'string' ? bins : bins[bin ?? Object.keys(bins)[0]])
}

/** Whether a module is the program that was started, rather than imported by one. */
export function isMain(url) {
  return process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(url)
}

/**
 * Runs a script's `main` and turns its failure into an exit code.
 * @param {() => Promise<void>} body
 */
export async function main(body) {
  try {
    await body()
  } catch (error) {
    console.error(error instanceof Failure ? `\n${error.message}` : error)
    process.exitCode = 1
  }
}
