'use strict'

/** Reads and sets the index of a sequence, without drawing from it. */

const { ask } = require('./handles.cjs')

/**
 * @typedef {object} Place
 * @property {string} url
 * @property {string} collection
 * @property {number} timeout milliseconds to wait at the most
 */

/**
 * The next id that a claim would get; undefined when the sequence does not exist.
 * @param {Place} place
 * @param {string} name
 * @returns {Promise<bigint | undefined>}
 */
function readIndex({ url, collection, timeout }, name) {
  return ask((handles) => handles.readIndex(url, collection, name), timeout, name)
}

/**
 * Makes `index` the next id: forward, or by force. The ids in hand of this process are dropped.
 * @param {Place} place
 * @param {string} name
 * @param {bigint} index
 * @param {boolean} force
 */
async function setIndex({ url, collection, timeout }, name, index, force) {
  const one = BigInt64Array.of(index)
  await ask((handles) => handles.setIndex(url, collection, name, one, force), timeout, name)
}

module.exports = { readIndex, setIndex }
