'use strict'

/** The native handles of this thread, under one wake-up, and the sequences that own them. */

// Taken when the module loads: a test runner's fake timers replace the global ones later.
const { clearTimeout, setTimeout } = require('node:timers')
const native = require('../native/loader.cjs')
const { TexampleError, fromNative } = require('../errors.cjs')
const { isObserved, publish } = require('./events.cjs')
const { warnOfIgnoredOptions } = require('./url-warning.cjs')

/** @typedef {InstanceType<typeof import('./sequence.cjs').Sequence>} Sequence */

/** Made with the first handle. @type {InstanceType<typeof native.SequenceHandles> | undefined} */
let handles

/**
 * By key. The native half must not keep a sequence from being collected.
 * @type {Map<number, WeakRef<Sequence>>}
 */
const owners = new Map()

/**
 * A sequence that is collected without `close()` abandons its handle.
 * @type {FinalizationRegistry<number>}
 */
const collected = new FinalizationRegistry((key) => {
  owners.delete(key)
  handles?.abandon(key)
})

/**
 * Reads and changes of an index that have no answer yet, by ticket.
 * @type {Map<number, { resolve: (index: bigint | undefined) => void, reject: (error: unknown) =>
 *   void, timer: NodeJS.Timeout }>}
 */
const asked = new Map()

/** @type {(owner: Sequence) => void} */
let wake = () => {}

/**
 * Sets what is called for each sequence with news.
 * @param {(owner: Sequence) => void} callback
 */
function onNews(callback) {
  wake = callback
}

/** Passes on what arrived: events to their channels, wake-ups to the sequences. */
function takeNews() {
  if (handles === undefined) return
  const news = handles.news(isObserved())
  news.events.forEach(publish)
  // Before the answers, so that a caller that has set an index draws none of the ids from before.
  for (const key of news.handles) {
    const owner = owners.get(key)?.deref()
    if (owner !== undefined) wake(owner)
  }
  news.answers.forEach(settle)
}

/** @param {import('../native/native.js').IndexAnswer} answer */
function settle({ ticket, index, code, message, cause }) {
  const waiting = asked.get(ticket)
  if (waiting === undefined) return
  asked.delete(ticket)
  clearTimeout(waiting.timer)
  if (code === undefined) return waiting.resolve(index ?? undefined)
  const reason = cause === undefined ? undefined : new Error(cause)
  waiting.reject(fromNative(Object.assign(new Error(message), { code, cause: reason })))
}

/**
 * Asks for the index of a sequence, or changes it.
 * @param {(handles: InstanceType<typeof native.SequenceHandles>) => number} start returns the
 *   ticket of the answer
 * @param {number} timeout milliseconds to wait at the most
 * @param {string} name of the sequence, for errors
 * @returns {Promise<bigint | undefined>}
 */
function ask(start, timeout, name) {
  return new Promise((resolve, reject) => {
    try {
      handles ??= new native.SequenceHandles(takeNews)
      const ticket = start(handles)
      const timer = setTimeout(() => {
        asked.delete(ticket)
        handles?.forget(ticket)
        const message = `the index of sequence ${JSON.stringify(name)} was not reached within ${timeout} ms`
        reject(new TexampleError('ERR_TEXAMPLE_SEQUENCE_TIMEOUT', message))
      }, timeout)
      asked.set(ticket, { resolve, reject, timer })
    } catch (error) {
      reject(fromNative(error))
    }
  })
}

/**
 * @param {Sequence} owner
 * @param {{ url: string, collection: string, name: string, start?: number, step?: number, maxStep?:
 *   number, horizon?: number }} options checked
 */
function openHandle(owner, { url, collection, name, start, step, maxStep, horizon }) {
  try {
    handles ??= new native.SequenceHandles(takeNews)
    const key = handles.open(url, collection, name, start, step, maxStep, horizon)
    warnOfIgnoredOptions(url)
    owners.set(key, new WeakRef(owner))
    collected.register(owner, key, owner)
    return { handles, key }
  } catch (error) {
    throw fromNative(error)
  }
}

/**
 * Lets go of a handle. The claimer of a store without handles is stopped and joined.
 * @param {Sequence} owner
 * @param {number} key
 */
function abandonHandle(owner, key) {
  collected.unregister(owner)
  owners.delete(key)
  handles?.abandon(key)
}

module.exports = { abandonHandle, ask, onNews, openHandle, takeNews }
