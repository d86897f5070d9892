'use strict'

/** Reads and sets the index of a sequence, without drawing from it. */

const native = require('../native/loader.cjs')
const { fromNative } = require('../errors.cjs')
const { takeNews } = require('./handles.cjs')

/**
 * The next id that a claim would get; undefined when the sequence does not exist.
 * @param {string} url
 * @param {string} collection
 * @param {string} name
 * @returns {Promise<bigint | undefined>}
 */
async function readIndex(url, collection, name) {
  const { index } = await settled(() => native.readIndex(url, collection, name))
  return index ?? undefined
}

/**
 * Makes `index` the next id: forward, or by force.
 * @param {string} url
 * @param {string} collection
 * @param {string} name
 * @param {bigint} index
 * @param {boolean} force
 */
async function setIndex(url, collection, name, index, force) {
  await settled(() => native.setIndex(url, collection, name, BigInt64Array.of(index), force))
  // The ids that handles of this thread hold are dropped now, before the caller draws the next one.
  takeNews()
}

/** @param {() => Promise<import('../native/native.js').IndexResult>} start */
async function settled(start) {
  try {
    const result = await start()
    if (result.code === undefined) return result
    throw Object.assign(new Error(result.message), { code: result.code, cause: toError(result.cause) })
  } catch (error) {
    throw fromNative(error)
  }
}

/** @param {string | undefined} cause */
function toError(cause) {
  return cause === undefined ? undefined : new Error(cause)
}

module.exports = { readIndex, setIndex }
