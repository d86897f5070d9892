'use strict'

/** Data images: JSON in the pixels of a PNG. */

const { isSharedArrayBuffer, isUint8Array } = require('node:util/types')
const { markAsUntransferable } = require('node:worker_threads')

const addon = require('../native/loader.cjs')
const { isLatin1, writeJson } = require('./json-text.cjs')
const { TexampleError, fromNative, outOfRange, wrongType } = require('../errors.cjs')

const codec = addon.imageCalls()

/** What an image of 4096 rows of 4096 pixels carries, less terminator and CRC. */
const MAX_BYTES = 50_331_643

/** Tasks that may be on the pool or wait for it. */
const MOST_TASKS = 65_536

/** What `compression` may be; each one's place is what src/node/image.rs reads. */
const COMPRESSIONS = ['auto', 'none', 'fast', 'best']
const UTF8 = 0b100
const ROBUST = 0b1000
const LATIN1 = 0b1_0000
const PIECES = 0b10_0000

/** Characters of a text that crosses faster when it is known to be Latin-1. */
const WORTH_A_LOOK = 2048

/** Small images share memory, as Node's own small buffers do: to make a buffer takes longer than to make the image. */
const SLAB = 16_384

/** The most bytes of an image that goes into the slab; src/node/image.rs has the same number. */
const MOST_POOLED = 4096

/** Bytes of long text that are kept room for. */
const MOST_KEPT = 4 << 20

/** A buffer of memory that is there already, in a third of the time of `subarray`, which looks at its arguments and its own kind. */
const Slice = /** @type {new (memory: ArrayBuffer, from: number, length: number) => Buffer} */ (
  /** @type {any} */ (Buffer)[Symbol.species]
)

let slab = newSlab()
let used = 0
/** @type {Buffer} */
let scratch = Buffer.alloc(0)
let tasks = 0

/**
 * @param {unknown} data
 * @param {import('../index.js').EncodeOptions} [options]
 * @returns {Buffer}
 */
function encodeDataToImage(data, options) {
  const flags = options === undefined ? 0 : encodeFlags(options)
  const maxBytes = options === undefined ? MAX_BYTES : byteLimit(options)
  const json = stringify(data, maxBytes)
  if (used > SLAB - MOST_POOLED) {
    slab = newSlab()
    used = 0
  }
  let made
  try {
    made = codec.encode(json, flags | formOf(json), maxBytes, slab, used)
  } catch (error) {
    throw fromNative(error)
  }
  if (typeof made !== 'number') return made
  const png = new Slice(slab, used, made)
  used += made
  return png
}

/**
 * Flags that say how the text crosses.
 * @param {string | string[]} json
 */
function formOf(json) {
  if (typeof json === 'string') return json.length >= WORTH_A_LOOK && isLatin1(json) ? LATIN1 : 0
  return isLatin1(json) ? PIECES | LATIN1 : PIECES
}

function newSlab() {
  const memory = /** @type {ArrayBuffer} */ (Buffer.allocUnsafeSlow(SLAB).buffer)
  // To transfer one image to another thread would take the others away.
  markAsUntransferable(memory)
  return memory
}

/**
 * @param {unknown} data
 * @param {import('../index.js').EncodeOptions} [options]
 * @returns {Promise<Buffer>}
 */
async function encodeDataToImageAsync(data, options) {
  const flags = options === undefined ? 0 : encodeFlags(options)
  const maxBytes = options === undefined ? MAX_BYTES : byteLimit(options)
  const json = stringify(data, maxBytes)
  const form = formOf(json)
  return /** @type {Buffer} */ (await onPool(() => addon.encodeImageAsync(json, flags | form, maxBytes)))
}

/**
 * @param {Uint8Array} png
 * @param {import('../index.js').DecodeOptions} [options]
 * @returns {any}
 */
function decodeImageToData(png, options) {
  const maxBytes = options === undefined ? MAX_BYTES : byteLimit(checkOptions(options))
  const bytes = checkImage(png)
  let made
  try {
    made = codec.decode(bytes, maxBytes, scratch)
  } catch (error) {
    throw fromNative(error)
  }
  if (typeof made === 'string') return parse(made)
  if (typeof made === 'number') return parse(scratch.toString('latin1', 0, made))
  if (made.length <= MOST_KEPT) scratch = made
  return parse(made.toString('latin1'))
}

/**
 * @param {Uint8Array} png
 * @param {import('../index.js').DecodeOptions} [options]
 * @returns {Promise<any>}
 */
async function decodeImageToDataAsync(png, options) {
  const maxBytes = options === undefined ? MAX_BYTES : byteLimit(checkOptions(options))
  const bytes = checkImage(png)
  const made = /** @type {string | Buffer} */ (await onPool(() => addon.decodeImageAsync(bytes, maxBytes)))
  return parse(typeof made === 'string' ? made : made.toString('latin1'))
}

/**
 * @param {unknown} data
 * @param {number} maxBytes
 */
function stringify(data, maxBytes) {
  let json
  try {
    json = writeJson(data, maxBytes)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    if (cause instanceof RangeError && cause.message === 'Invalid string length') {
      const message = `the data are more JSON than a string holds; an image carries at most ${MAX_BYTES} bytes`
      throw new TexampleError('ERR_TEXAMPLE_DATA_TOO_LARGE', message, cause)
    }
    const message = `the data cannot be written as JSON: ${reason.split('\n', 1)[0]}`
    throw new TexampleError('ERR_TEXAMPLE_NOT_SERIALIZABLE', message, cause)
  }
  if (json === undefined) {
    const message = `the data have no JSON form: ${data === undefined ? 'undefined' : `a ${typeof data}`} is nothing in JSON; send null`
    throw new TexampleError('ERR_TEXAMPLE_NOT_SERIALIZABLE', message)
  }
  return json
}

/** @param {string} json */
function parse(json) {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new TexampleError('ERR_TEXAMPLE_IMAGE_CORRUPT', 'the image holds text that is not JSON', cause)
  }
}

/**
 * Runs a task on the pool; its failure arrives as a value, because native task errors cannot carry our codes.
 * @template T
 * @param {() => Promise<T | { code: string, message: string }>} start
 * @returns {Promise<T>}
 */
async function onPool(start) {
  if (tasks >= MOST_TASKS) {
    const message = `${tasks} images are being encoded or decoded already; wait for some of them`
    throw new TexampleError('ERR_TEXAMPLE_TOO_MANY_WAITERS', message)
  }
  tasks++
  try {
    const result = await start()
    if (typeof result === 'object' && result !== null && 'code' in result) throw result
    return /** @type {T} */ (result)
  } catch (error) {
    throw fromNative(error)
  } finally {
    tasks--
  }
}

/** @param {unknown} png */
function checkImage(png) {
  if (!isUint8Array(png)) throw wrongType('png', 'a Uint8Array or a Buffer', png)
  const { buffer } = png
  // Another thread may write to shared memory while it is read.
  return !(buffer instanceof ArrayBuffer) && isSharedArrayBuffer(buffer) ? Uint8Array.from(png) : png
}

/**
 * @template T
 * @param {T} options
 * @returns {T}
 */
function checkOptions(options) {
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options)
  return options
}

/** @param {import('../index.js').EncodeOptions} options */
function encodeFlags(options) {
  const { compression, charset, robust } = checkOptions(options)
  let flags = 0
  if (compression !== undefined) {
    flags = COMPRESSIONS.indexOf(compression)
    if (flags === -1) throw oneOf('options.compression', COMPRESSIONS, compression)
  }
  if (charset !== undefined && charset !== 'ascii') {
    if (charset !== 'utf-8') throw oneOf('options.charset', ['ascii', 'utf-8'], charset)
    flags |= UTF8
  }
  if (robust !== undefined && typeof robust !== 'boolean') throw wrongType('options.robust', 'a boolean', robust)
  return robust ? flags | ROBUST : flags
}

/**
 * @param {string} name
 * @param {string[]} values
 * @param {unknown} actual
 */
function oneOf(name, values, actual) {
  const expected = `one of ${values.map((value) => `'${value}'`).join(', ')}`
  return typeof actual === 'string' ? outOfRange(name, expected, actual) : wrongType(name, expected, actual)
}

/** @param {{ maxBytes?: number }} options */
function byteLimit(options) {
  const { maxBytes } = options
  if (maxBytes === undefined) return MAX_BYTES
  if (typeof maxBytes !== 'number') throw wrongType('options.maxBytes', 'a number', maxBytes)
  if (!Number.isInteger(maxBytes) || maxBytes < 1 || maxBytes > MAX_BYTES) {
    throw outOfRange('options.maxBytes', `an integer from 1 to ${MAX_BYTES}`, maxBytes)
  }
  return maxBytes
}

module.exports = { encodeDataToImage, encodeDataToImageAsync, decodeImageToData, decodeImageToDataAsync }
