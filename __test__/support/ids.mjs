/** Sequences and stores that are closed after their test, and what tests of ids say often. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach } from 'node:test'
import { folder, printed, settled } from '../../devtools/ids.mjs'
import texample from '../../js/index.cjs'

export const BAD = 'ERR_TEXAMPLE_SEQUENCE_BAD_DOCUMENT'
export const CLOSED = 'ERR_TEXAMPLE_SEQUENCE_CLOSED'
export const EXHAUSTED = 'ERR_TEXAMPLE_SEQUENCE_EXHAUSTED'
export const INVALID = 'ERR_TEXAMPLE_INVALID_ARGUMENT'
export const UNAVAILABLE = 'ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE'

/** No server listens on this port. */
export const NOWHERE = 'mongodb://127.0.0.1:1/'

/** A claim for each id: locks are taken and released all the time. */
export const claimEach = { step: 1, maxStep: 1, horizon: 0 }

/** @type {{ close: () => Promise<void> }[]} */
const opened = []
afterEach(async () => {
  while (opened.length > 0) await opened.pop()?.close()
})

/** @type {typeof texample.openSequence} */
export function openSequence(...args) {
  const sequence = texample.openSequence(...args)
  opened.push(sequence)
  return sequence
}

/** @type {typeof texample.openStore} */
export function openStore(...args) {
  const store = texample.openStore(...args)
  opened.push(store)
  return store
}

let names = 0
/** A name that no other sequence of this process has. */
export const newName = () => `s${++names}`

/**
 * A SQLite file in a folder of its own.
 * @param {import('node:test').TestContext} t
 */
export function sqliteFile(t, name = 'ids.db') {
  const directory = folder(t)
  const path = join(directory, name)
  return { path, directory, url: `sqlite:${path}` }
}

/**
 * The error of a call that fails at once, not after the timeout of its sequence: a minute.
 * @param {Promise<unknown>} call
 * @param {string} code
 */
export async function failsAtOnce(call, code) {
  const begun = performance.now()
  const [, error] = await settled(call)
  assert.equal(error?.code, code, error?.stack)
  assert.ok(performance.now() - begun < 30_000, 'at once')
  return error
}

/** For a program's text: what its process has, read from Linux' /proc. */
export const RESOURCES = `
  const fs = require('node:fs')
  const resources = () => ({
    threads: fs.readdirSync('/proc/self/task').length,
    descriptors: fs.readdirSync('/proc/self/fd').length,
  })`

/**
 * What a process has with one sequence open, with many more of which each gave an id, and with none
 * any more.
 * @param {string} url
 * @param {number} count
 * @param {Parameters<typeof printed>[1]} [options]
 */
export async function openMany(url, count, options) {
  const code = `
    ${RESOURCES}
    const open = (name) => texample.openSequence(name, { url: ${JSON.stringify(url)} })
    const first = open('first')
    await first.nextId()
    const before = resources()
    const all = Array.from({ length: ${count} }, (_, i) => open('tenant-' + i))
    const ids = await Promise.all(all.map((sequence) => sequence.nextId()))
    const after = resources()
    await Promise.all([first, ...all].map((sequence) => sequence.close()))
    console.log(JSON.stringify({ ids, before, after, end: resources() }))`
  const { ids, ...found } = JSON.parse(await printed(code, options))
  assert.deepEqual(ids, Array(count).fill(1000))
  return found
}
