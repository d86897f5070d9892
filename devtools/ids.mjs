/**
 * What several test files about ids need: folders, child processes that draw, and the check of what
 * they drew.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

export const DEVTOOLS = dirname(fileURLToPath(import.meta.url))
/** With slashes on Windows too, so that it can stand in a program's text. */
export const PACKAGE = join(DEVTOOLS, '..', 'js', 'index.cjs').replaceAll('\\', '/')

/** A folder of its own for a test; removed after it. */
export function folder(/** @type {import('node:test').TestContext} */ t) {
  const path = mkdtempSync(join(tmpdir(), 'texample-ids-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/**
 * A child process that draws ids; see ids-draw.cjs.
 * @param {Record<string, unknown> & { file: string }} job
 * @returns {{ child: import('node:child_process').ChildProcess, done: Promise<any[]> }}
 */
export function drawer(job) {
  const child = spawn(process.execPath, [join(DEVTOOLS, 'ids-draw.cjs'), JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { child, done: output(child).then((text) => JSON.parse(text)) }
}

/**
 * Runs a program of its own with the package at hand as `texample`.
 * @param {string} code the body of an async function
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, shell?: string, flags?: string[] }} [options]
 *   `shell`: what comes before `exec node …`
 */
export function program(code, { env = {}, cwd, shell, flags = [] } = {}) {
  const text = `const texample = require(${JSON.stringify(PACKAGE)}); (async () => { ${code} })()`
  const options = { stdio: /** @type {any} */ (['ignore', 'pipe', 'pipe']), cwd, env: { ...process.env, ...env } }
  if (shell === undefined) return spawn(process.execPath, [...flags, '-e', text], options)
  return spawn('sh', ['-c', `${shell}\nexec "$0" "$@"`, process.execPath, '-e', text], options)
}

/**
 * What such a program prints.
 * @param {Parameters<typeof program>} args
 */
export const printed = (...args) => output(program(...args))

/**
 * A worker with the package at hand as `texample`, and its `parentPort`.
 * @param {string} code the body of an async function
 * @param {import('node:worker_threads').WorkerOptions} [options]
 */
export function worker(code, options) {
  const text = `const texample = require(${JSON.stringify(PACKAGE)})
    const { parentPort } = require('node:worker_threads');
    (async () => { ${code} })()`
  return new Worker(text, { ...options, eval: true })
}

/**
 * What a child wrote; fails with what it complained about when it did not end well.
 * @param {import('node:child_process').ChildProcess} child
 */
export async function output(child) {
  let text = ''
  let complaint = ''
  child.stdout?.setEncoding('utf8').on('data', (data) => {
    text += data
  })
  child.stderr?.setEncoding('utf8').on('data', (data) => {
    complaint += data
  })
  const [code, signal] = await once(child, 'close')
  assert.equal(code, 0, `exit ${code ?? signal}: ${complaint}`)
  return text
}

/**
 * All ids in the files of a folder.
 * @param {string} path
 */
export function drawn(path) {
  /** @type {number[]} */
  const all = []
  for (const name of readdirSync(path)) {
    if (!name.includes('drawn')) continue
    const bytes = readFileSync(join(path, name))
    // A killed process may leave half a number.
    const ids = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~7)))
    let last = Number.NaN
    for (const id of ids) {
      if (!Number.isNaN(id)) {
        assert.ok(!(id <= last), `ids of one caller rise: ${id} after ${last} in ${name}`)
        all.push(id)
      }
      last = id
    }
  }
  return all
}

/**
 * @param {Iterable<number | bigint>} ids
 */
export function assertDistinct(ids) {
  const seen = new Set()
  for (const id of ids) {
    assert.ok(!seen.has(id), `${id} was handed out twice`)
    seen.add(id)
  }
  return seen
}

/**
 * The outcome of a promise as `[value, undefined]` or `[undefined, error]`.
 * @param {Promise<any>} promise
 */
export function settled(promise) {
  return promise.then(
    (value) => [value, undefined],
    (error) => [undefined, error],
  )
}
