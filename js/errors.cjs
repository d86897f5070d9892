'use strict'

/**
 * The errors of the package. `code` is API, the text is not.
 *
 * What a caller did wrong is a `TypeError` or a `RangeError` with a code, as in
 * Node itself; everything else is a `TexampleError`.
 */

/** A failure that is not the caller's argument: see `code`, and `cause` for what led to it. */
class TexampleError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {unknown} [cause]
   */
  constructor(code, message, cause) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }

  get name() {
    return 'TexampleError'
  }
}

/**
 * An argument of the wrong type; `expected` is what it must be, as in "must be …".
 * @type {(argument: string, expected: string, actual: unknown) => Error}
 */
const wrongType = (...parts) => invalid(TypeError, ...parts)

/**
 * An argument of the right type and a value out of range.
 * @type {typeof wrongType}
 */
const outOfRange = (...parts) => invalid(RangeError, ...parts)

/**
 * @param {ErrorConstructor} Kind
 * @param {string} argument
 * @param {string} expected
 * @param {unknown} actual
 */
function invalid(Kind, argument, expected, actual) {
  const error = new Kind(`${argument} must be ${expected}; received ${describe(actual)}`)
  return Object.assign(error, { code: 'ERR_TEXAMPLE_INVALID_ARGUMENT' })
}

/**
 * A short text for a value: never runs user code, never longer than a line.
 * @param {unknown} value
 */
function describe(value) {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
    case 'bigint':
      return `${value}n`
    case 'number':
    case 'boolean':
    case 'undefined':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'symbol':
      return 'a symbol'
    case 'function':
      return 'a function'
    default:
      if (value === null) return 'null'
      return Array.isArray(value) ? 'an array' : 'an object'
  }
}

/**
 * An error thrown by the native half, as the public class.
 * @param {any} error
 */
function fromNative(error) {
  const code = error?.code
  if (typeof code !== 'string' || !code.startsWith('ERR_TEXAMPLE_')) return error
  if (code === 'ERR_TEXAMPLE_INVALID_ARGUMENT') {
    return Object.assign(new RangeError(error.message), { code })
  }
  return new TexampleError(code, error.message, error.cause)
}

module.exports = { TexampleError, describe, wrongType, outOfRange, fromNative }
