'use strict'

/** The arguments of `start` and `ticks`: checked by shape, with defaults filled in. */

const { outOfRange, wrongType } = require('../errors.cjs')

/**
 * @typedef {object} Options
 * @property {number} interval
 * @property {number | undefined} count
 * @property {number} capacity
 * @property {'block' | 'drop-oldest' | 'drop-newest' | 'latest'} overflow
 * @property {AbortSignal | undefined} signal
 * @property {boolean} batch
 */

const MAX_INTERVAL = 2 ** 31 - 1
const MAX_CAPACITY = 2 ** 24
const OVERFLOWS = ['block', 'drop-oldest', 'drop-newest', 'latest']

/**
 * `start(callback, options)` and `start(options)`.
 * @param {unknown} callback
 * @param {unknown} options
 * @returns {{ callback: ((value: any) => void) | undefined, options: Options }}
 */
function startArguments(callback, options) {
  if (isObject(callback) && options === undefined) {
    return { callback: undefined, options: tickerOptions(callback) }
  }
  if (callback !== undefined && typeof callback !== 'function') throw wrongType('callback', 'a function', callback)
  return { callback: /** @type {any} */ (callback), options: tickerOptions(options) }
}

/**
 * @param {any} options
 * @returns {Options}
 */
function tickerOptions(options = {}) {
  if (!isObject(options)) throw wrongType('options', 'an object', options)
  // Each is read once: a getter may answer differently the second time.
  const { interval = 5000, count, capacity = 1024, overflow = 'block', signal, batch = false } = options
  number('options.interval', interval)
  if (!(interval >= 0 && interval <= MAX_INTERVAL)) {
    throw outOfRange('options.interval', `0 to ${MAX_INTERVAL} milliseconds`, interval)
  }
  if (count !== undefined) integer('options.count', count, Number.MAX_SAFE_INTEGER)
  integer('options.capacity', capacity, MAX_CAPACITY)
  const expected = `one of ${OVERFLOWS.map((name) => `'${name}'`).join(', ')}`
  if (typeof overflow !== 'string') throw wrongType('options.overflow', expected, overflow)
  if (!OVERFLOWS.includes(overflow)) throw outOfRange('options.overflow', expected, overflow)
  if (signal !== undefined && !isAbortSignal(signal)) throw wrongType('options.signal', 'an AbortSignal', signal)
  if (typeof batch !== 'boolean') throw wrongType('options.batch', 'a boolean', batch)
  return { interval, count, capacity, overflow: /** @type {Options['overflow']} */ (overflow), signal, batch }
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function number(name, value) {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {number} max
 */
function integer(name, value, max) {
  number(name, value)
  if (!Number.isInteger(value) || Number(value) < 1 || Number(value) > max) {
    throw outOfRange(name, `an integer from 1 to ${max}`, value)
  }
}

/** @param {unknown} value */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * By shape, not by class: a signal of another realm will do, as in Node itself.
 * @param {unknown} value
 */
function isAbortSignal(value) {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value
}

module.exports = { startArguments, tickerOptions }
