'use strict'

/** Sequential unique ids: `nextId`, `closeSequences`, `openSequence` and `openStore`. */

const { checkFunction, checkName } = require('../arguments.cjs')
const { sequenceOptions, storeOptions } = require('./options.cjs')
const { Sequence, callLater } = require('./sequence.cjs')
const { Store } = require('./store.cjs')

/**
 * The store of `nextId()` in this thread, from its first use to `closeSequences()`.
 * @type {InstanceType<typeof Store> | undefined}
 */
let shared
/** The end of the last one. @type {Promise<void>} */
let closing = Promise.resolve()

function sharedStore() {
  shared ??= new Store(storeOptions())
  return shared
}

/**
 * @param {any} [sequence]
 * @param {any} [callback]
 * @returns {any}
 */
function nextId(sequence, callback) {
  if (typeof sequence === 'function' && callback === undefined) return nextId(undefined, sequence)
  try {
    if (callback !== undefined) checkFunction('callback', callback)
  } catch (error) {
    return Promise.reject(error)
  }
  const id = draw(sequence === undefined ? 'default' : sequence)
  return callback === undefined ? id : callLater(id, callback)
}

/**
 * Rejects with every error, of the store too: a callback is to get it.
 * @param {any} sequence
 */
async function draw(sequence) {
  return sharedStore().nextId(sequence)
}

/** @returns {Promise<void>} */
function closeSequences() {
  if (shared !== undefined) {
    const last = shared
    shared = undefined
    closing = Promise.all([closing, last.close()]).then(() => {})
  }
  return closing
}

/**
 * @param {any} [name]
 * @param {any} [options]
 */
function openSequence(name = 'default', options) {
  checkName('name', name)
  return new Sequence({ ...sequenceOptions(options), name })
}

/** @param {any} [options] */
function openStore(options) {
  return new Store(storeOptions(options))
}

module.exports = { nextId, closeSequences, openSequence, openStore, sharedStore }
