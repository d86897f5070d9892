'use strict'

/** Sequential unique ids: `nextId`, `openSequence`, and the checks of what they are given. */

const native = require('../native/loader.cjs')
const { fromNative, outOfRange, wrongType } = require('../errors.cjs')
const { Sequence, callLater } = require('./sequence.cjs')

const DEFAULT_URL = 'sqlite:texample-ids.db'
const MAX_MS = 2 ** 31 - 1
const MAX_STEP = 2 ** 31 - 1

/** The sequences of `nextId()`, by name: each stays open for the life of its thread. @type {Map<string, InstanceType<typeof Sequence>>} */
const opened = new Map()

/**
 * @param {any} [sequence]
 * @param {any} [callback]
 * @returns {any}
 */
function nextId(sequence, callback) {
  if (typeof sequence === 'function' && callback === undefined) return nextId(undefined, sequence)
  if (callback === undefined) {
    try {
      return named(sequence).nextId()
    } catch (error) {
      return Promise.reject(error)
    }
  }
  if (typeof callback !== 'function') return Promise.reject(wrongType('callback', 'a function', callback))
  return callLater(named(sequence).nextId(), callback)
}

/** @param {unknown} name */
function named(name = 'default') {
  const known = opened.get(/** @type {string} */ (name))
  if (known) return known
  const sequence = open('sequence', name, {})
  opened.set(/** @type {string} */ (name), sequence)
  return sequence
}

/**
 * @param {any} [name]
 * @param {any} [options]
 */
function openSequence(name, options) {
  return open('name', name === undefined ? 'default' : name, options === undefined ? {} : options)
}

/**
 * @param {string} argument what the caller knows the name as
 * @param {unknown} name
 * @param {any} options
 */
function open(argument, name, options) {
  checkName(argument, name)
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw wrongType('options', 'an object', options)
  }
  const { url, collection = 'ids', start, step, maxStep, horizon, timeout = 30_000, maxWaiters = 100_000 } = options
  const { bigint = false } = options
  if (url !== undefined && typeof url !== 'string') throw wrongType('options.url', 'a string', url)
  checkName('options.collection', collection)
  checkInteger('options.start', start, 0, Number.MAX_SAFE_INTEGER)
  checkInteger('options.maxStep', maxStep, 1, MAX_STEP)
  checkInteger('options.step', step, 1, maxStep ?? MAX_STEP, maxStep === undefined ? '' : ' (maxStep)')
  checkMs('options.horizon', horizon)
  checkMs('options.timeout', timeout)
  checkInteger('options.maxWaiters', maxWaiters, 1, Number.MAX_SAFE_INTEGER)
  if (typeof bigint !== 'boolean') throw wrongType('options.bigint', 'a boolean', bigint)
  return new Sequence({
    url: url ?? (process.env.TEXAMPLE_IDS_URL || defaultUrl()),
    collection,
    name: /** @type {string} */ (name),
    start,
    step,
    maxStep,
    horizon,
    timeout,
    maxWaiters,
    bigint,
  })
}

/**
 * The next id that a claim would get, for the command line; undefined when the sequence does not exist.
 * @param {string} name
 * @param {{ url?: string, collection?: string }} options
 * @returns {bigint | undefined}
 */
function readSequence(name, { url = environmentUrl(), collection = 'ids' }) {
  checkName('name', name)
  try {
    return native.SequencePort.read(url, collection, name) ?? undefined
  } catch (error) {
    throw fromNative(error)
  }
}

/**
 * Makes `index` the next id, for the command line; back only by force.
 * @param {string} name
 * @param {bigint} index
 * @param {boolean} force
 * @param {{ url?: string, collection?: string }} options
 */
function setSequence(name, index, force, { url = environmentUrl(), collection = 'ids' }) {
  checkName('name', name)
  try {
    native.SequencePort.set(url, collection, name, BigInt64Array.of(index), force)
  } catch (error) {
    throw fromNative(error)
  }
}

function environmentUrl() {
  return process.env.TEXAMPLE_IDS_URL || DEFAULT_URL
}

/** A file of this host is no place for the ids of a service on several. */
function defaultUrl() {
  if (process.env.NODE_ENV === 'production' && native.SequencePort.firstDefaultStore()) {
    process.emitWarning(
      'texample hands out ids from a SQLite file in the working folder. On several hosts each would hand out the ' +
        'same ids: set TEXAMPLE_IDS_URL, or the option url, to a MongoDB URL; or to a file, if that is what you want.',
      { type: 'TexampleWarning', code: 'TEXAMPLE_DEFAULT_STORE' },
    )
  }
  return DEFAULT_URL
}

/**
 * @param {string} argument
 * @param {unknown} value
 */
function checkName(argument, value) {
  if (typeof value !== 'string') throw wrongType(argument, 'a string', value)
  // A lone surrogate has no form in a database: two names would become one.
  if (value === '' || value.includes('\0') || /\p{Surrogate}/u.test(value)) {
    throw outOfRange(argument, 'a non-empty, well-formed string without NUL', value)
  }
}

/**
 * @param {string} argument
 * @param {unknown} value
 * @param {number} least
 * @param {number} most
 * @param {string} [why]
 */
function checkInteger(argument, value, least, most, why = '') {
  if (value === undefined) return
  if (typeof value !== 'number') throw wrongType(argument, 'a number', value)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw outOfRange(argument, `an integer from ${least} to ${most}${why}`, value)
  }
}

/**
 * @param {string} argument
 * @param {unknown} value
 */
function checkMs(argument, value) {
  if (value === undefined) return
  if (typeof value !== 'number') throw wrongType(argument, 'a number', value)
  if (!(value >= 0 && value <= MAX_MS)) throw outOfRange(argument, `from 0 to ${MAX_MS} milliseconds`, value)
}

module.exports = { nextId, openSequence, readSequence, setSequence }
