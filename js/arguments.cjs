'use strict'

/**
 * Checks of what callers pass: each throws a `TypeError` or `RangeError` with a code, or returns.
 */

const { outOfRange, wrongType } = require('./errors.cjs')

/** @typedef {(argument: string, value: unknown) => void} Check */

/** The longest delay of a timer, in milliseconds. */
const MAX_MS = 2 ** 31 - 1

/**
 * An object with no property but the known ones: an option with a typing error must not be ignored.
 * @param {string} argument
 * @param {any} options
 * @param {ReadonlySet<string>} known
 */
function checkOptions(argument, options, known) {
  if (!isObject(options)) throw wrongType(argument, 'an object', options)
  for (const name in options) {
    if (known.has(name) || options[name] === undefined) continue
    throw wrongType(`${argument}.${name}`, `absent: the options are ${[...known].join(', ')}`, options[name])
  }
}

/** @type {Check} */
const checkFunction = (argument, value) => {
  if (typeof value !== 'function') throw wrongType(argument, 'a function', value)
}

/** @type {Check} */
const checkBoolean = (argument, value) => {
  if (typeof value !== 'boolean') throw wrongType(argument, 'a boolean', value)
}

/** @type {Check} */
const checkNumber = (argument, value) => {
  if (typeof value !== 'number') throw wrongType(argument, 'a number', value)
}

/**
 * @param {string} argument
 * @param {unknown} value
 * @param {number} least
 * @param {number} most
 * @param {string} [why] what sets the bound, such as ` (maxStep)`
 */
function checkInteger(argument, value, least, most, why = '') {
  checkNumber(argument, value)
  const number = /** @type {number} */ (value)
  if (!Number.isInteger(number) || number < least || number > most) {
    throw outOfRange(argument, `an integer from ${least} to ${most}${why}`, value)
  }
}

/** A time in milliseconds, fractions allowed. @type {Check} */
const checkMs = (argument, value) => {
  checkNumber(argument, value)
  const ms = /** @type {number} */ (value)
  if (!(ms >= 0 && ms <= MAX_MS)) throw outOfRange(argument, `0 to ${MAX_MS} milliseconds`, value)
}

/** A name that a database can hold. @type {Check} */
const checkName = (argument, value) => {
  if (typeof value !== 'string') throw wrongType(argument, 'a string', value)
  // A lone surrogate has no form in a database: two names would become one.
  if (value === '' || value.includes('\0') || /\p{Surrogate}/u.test(value)) {
    throw outOfRange(argument, 'a non-empty, well-formed string without NUL', value)
  }
}

/**
 * @param {string} argument
 * @param {readonly string[]} values
 * @param {unknown} actual
 * @returns its place among the values
 */
function checkOneOf(argument, values, actual) {
  const place = values.indexOf(/** @type {string} */ (actual))
  if (place !== -1) return place
  const expected = `one of ${values.map((value) => `'${value}'`).join(', ')}`
  throw typeof actual === 'string' ? outOfRange(argument, expected, actual) : wrongType(argument, expected, actual)
}

/** By shape, not by class: a signal of another realm will do, as in Node itself. @type {Check} */
const checkSignal = (argument, value) => {
  if (typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value) return
  throw wrongType(argument, 'an AbortSignal', value)
}

/** @param {unknown} value */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

module.exports = {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMs,
  checkName,
  checkNumber,
  checkOneOf,
  checkOptions,
  checkSignal,
  isObject,
}
