'use strict'

/** The arguments of `start` and `ticks`: checked by shape, with defaults filled in. */

const {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMs,
  checkOneOf,
  checkOptions,
  checkSignal,
  isObject,
} = require('../arguments.cjs')
const { outOfRange } = require('../errors.cjs')

/**
 * @typedef {object} Options
 * @property {number} interval
 * @property {number | undefined} count
 * @property {number} capacity
 * @property {'block' | 'drop-oldest' | 'drop-newest' | 'latest'} overflow
 * @property {AbortSignal | undefined} signal
 * @property {boolean} batch
 */
/** @typedef {Options & { ref: boolean }} TicksOptions */

const MAX_CAPACITY = 2 ** 24
const OVERFLOWS = ['block', 'drop-oldest', 'drop-newest', 'latest']
const START_OPTIONS = new Set(['interval', 'count', 'capacity', 'overflow', 'signal', 'batch'])
const TICKS_OPTIONS = new Set([...START_OPTIONS, 'ref'])

/**
 * `start(callback, options)` and `start(options)`.
 * @param {unknown} callback
 * @param {unknown} options
 * @returns {{ callback: ((value: any) => void) | undefined, options: Options }}
 */
function startArguments(callback, options) {
  if (isObject(callback) && options === undefined) {
    return { callback: undefined, options: tickerOptions(callback, START_OPTIONS) }
  }
  if (callback !== undefined) checkFunction('callback', callback)
  return { callback: /** @type {any} */ (callback), options: tickerOptions(options, START_OPTIONS) }
}

/**
 * @param {any} options
 * @returns {TicksOptions}
 */
function ticksArguments(options = {}) {
  const checked = tickerOptions(options, TICKS_OPTIONS)
  if (checked.batch) throw outOfRange('options.batch', 'false: an iterator gives one tick at a time', true)
  const { ref = true } = options
  checkBoolean('options.ref', ref)
  return { ...checked, ref }
}

/**
 * @param {any} options
 * @param {ReadonlySet<string>} known
 * @returns {Options}
 */
function tickerOptions(options = {}, known) {
  checkOptions('options', options, known)
  // Each is read once: a getter may answer differently the second time.
  const { interval = 5000, count, capacity = 1024, overflow = 'block', signal, batch = false } = options
  checkMs('options.interval', interval)
  if (count !== undefined) checkInteger('options.count', count, 1, Number.MAX_SAFE_INTEGER)
  checkInteger('options.capacity', capacity, 1, MAX_CAPACITY)
  checkOneOf('options.overflow', OVERFLOWS, overflow)
  if (signal !== undefined) checkSignal('options.signal', signal)
  checkBoolean('options.batch', batch)
  return { interval, count, capacity, overflow, signal, batch }
}

module.exports = { startArguments, ticksArguments }
