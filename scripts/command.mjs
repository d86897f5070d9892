/**
 * What scripts share: their command line, programs that they run with the output in view, and what
 * to install when one is missing.
 */

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

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
 * @property {number} [timeout] milliseconds; then, and at the program's end, all that it started is
 *   ended too
 */

/**
 * Runs a program to its end.
 * @param {string} command
 * @param {string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(command, args, { env, capture = false, echo = false, cwd = root, timeout } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', capture ? 'pipe' : 'inherit', capture ? 'pipe' : 'inherit'],
      shell: process.platform === 'win32' && command === 'npm',
      detached: timeout !== undefined && process.platform !== 'win32',
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
    if (timeout !== undefined) limit(child, timeout, () => (output += `\nnot done after ${timeout / 1000} s\n`))
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
 * Ends a program and what it started when its time is over, when it ends itself, and on Ctrl-C.
 * @param {import('node:child_process').ChildProcess} child
 * @param {number} timeout
 * @param {() => void} onLate
 */
function limit(child, timeout, onLate) {
  const end = () => {
    try {
      // The group that `detached` made.
      if (process.platform !== 'win32') process.kill(-child.pid, 'SIGKILL')
      else child.kill()
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  }
  const interrupt = () => process.exit(130)
  const deadline = setTimeout(() => {
    onLate()
    end()
  }, timeout)
  process.once('SIGINT', interrupt)
  process.once('exit', end)
  child.on('exit', end)
  child.on('close', () => {
    clearTimeout(deadline)
    process.off('SIGINT', interrupt)
    process.off('exit', end)
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

/**
 * Runs `npm install`, of a tool or for another system, and shows nothing of it.
 * @param {string} folder
 * @param {...string} args
 */
export function npmInstall(folder, ...args) {
  return must('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', ...args], { capture: true })
}

/**
 * The words and the options of the command line; an option that the script does not have is
 * refused.
 * @param {Record<string, 'boolean' | 'string'>} [types] of its options
 * @returns {{ words: string[] } & Record<string, any>}
 */
export function commandLine(types = {}) {
  const options = Object.fromEntries(Object.entries(types).map(([name, type]) => [name, { type }]))
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true })
    return { words: positionals, ...values }
  } catch (error) {
    throw new Failure(error.message)
  }
}

/**
 * The named ones of `all`, or all where none is named.
 * @param {string} kind for the error
 * @param {string[]} names
 * @param {string[]} all
 */
export function chosen(kind, names, all) {
  const unknown = names.filter((name) => !all.includes(name))
  if (unknown.length > 0) throw new Failure(`no ${kind} "${unknown.join('", "')}"; there are: ${all.join(', ')}`)
  return all.filter((name) => names.length === 0 || names.includes(name))
}

/**
 * Whether a name holds one of the words, or no word was given.
 * @param {string[]} words
 * @param {...string} names
 */
export function isWanted(words, ...names) {
  return words.length === 0 || words.some((word) => names.some((name) => name.includes(word)))
}

/**
 * Runs `body` with an empty folder that is removed afterwards.
 * @template T
 * @param {string} name
 * @param {(folder: string) => Promise<T>} body
 */
export async function withTemporary(name, body) {
  const folder = await mkdtemp(path.join(tmpdir(), `texample-${name}-`))
  try {
    return await body(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
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
