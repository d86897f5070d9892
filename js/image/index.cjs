'use strict'

/** Data images: JSON, or bytes, in the pixels of a PNG. */

const { isAnyArrayBuffer, isNativeError, isSharedArrayBuffer, isUint8Array } = require('node:util/types')
const { markAsUntransferable } = require('node:worker_threads')

const addon = require('../native/loader.cjs')
const { checkBoolean, checkInteger, checkOneOf, checkOptions } = require('../arguments.cjs')
const { isLatin1, writeJson } = require('./json-text.cjs')
const { TexampleError, describe, fromNative, wrongType } = require('../errors.cjs')

const codec = addon.imageCalls()

/** What an image of 4096 rows of 4096 pixels carries, less terminator and CRC. */
const MAX_BYTES = 50_331_643

/** Tasks that may be on the pool or wait for it. */
const MOST_TASKS = 65_536

const ENCODE_OPTIONS = new Set(['compression', 'charset', 'maxBytes', 'robust'])
const DECODE_OPTIONS = new Set(['maxBytes'])

/** What `compression` may be; each one's place is what src/node/image reads. */
const COMPRESSIONS = ['auto', 'none', 'fast', 'best']
const UTF8 = 0b100
const ROBUST = 0b1000
const LATIN1 = 0b1_0000
const PIECES = 0b10_0000
const BYTES = 0b100_0000

const CHARSETS = ['ascii', 'utf-8']

/** Characters of a text that crosses faster when it is known to be Latin-1. */
const WORTH_A_LOOK = 2048

/**
 * Small images share memory, as Node's small buffers do: making a buffer takes longer than making
 * the image.
 */
const SLAB = 16_384

/** The most bytes of an image that goes into the slab; src/node/image has the same number. */
const MOST_POOLED = 4096

/** The most bytes of the buffer that is kept for long texts. */
const MOST_KEPT = 4 << 20

/** Makes a buffer over existing memory in a third of the time that `subarray` takes. */
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
  const flags = encodeFlags(options)
  const maxBytes = byteLimit(options)
  return encode(textOrBytes(data, maxBytes), flags, maxBytes)
}

/**
 * The image of JSON text, which is carried as it stands.
 * @param {string} json
 * @param {import('../index.js').EncodeOptions} options
 */
function encodeJson(json, options) {
  return encode(json, encodeFlags(options), byteLimit(options))
}

/**
 * @param {string | string[] | Uint8Array} data
 * @param {number} flags
 * @param {number} maxBytes
 * @returns {Buffer}
 */
function encode(data, flags, maxBytes) {
  if (used > SLAB - MOST_POOLED) {
    slab = newSlab()
    used = 0
  }
  let made
  try {
    made = codec.encode(data, flags | formOf(data), maxBytes, slab, used)
  } catch (error) {
    throw fromNative(error)
  }
  if (typeof made !== 'number') return made
  const png = new Slice(slab, used, made)
  used += made
  return png
}

/**
 * Flags that say how the data cross.
 * @param {string | string[] | Uint8Array} data
 */
function formOf(data) {
  if (typeof data === 'string') return data.length >= WORTH_A_LOOK && isLatin1(data) ? LATIN1 : 0
  if (!Array.isArray(data)) return BYTES
  return isLatin1(data) ? PIECES | LATIN1 : PIECES
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
  const flags = encodeFlags(options)
  const maxBytes = byteLimit(options)
  const given = textOrBytes(data, maxBytes)
  const form = formOf(given)
  return /** @type {Buffer} */ (await onPool(() => addon.encodeImageAsync(given, flags | form, maxBytes)))
}

/**
 * @param {Uint8Array} png
 * @param {import('../index.js').DecodeOptions} [options]
 * @returns {any}
 */
function decodeImageToData(png, options) {
  return dataOf(decodeContent(png, options))
}

/**
 * The JSON text of an image, as it is carried, or its bytes.
 * @param {Uint8Array} png
 * @param {import('../index.js').DecodeOptions} [options]
 * @returns {string | Uint8Array}
 */
function decodeContent(png, options) {
  const maxBytes = decodeLimit(options)
  const bytes = checkImage(png)
  let made
  try {
    made = codec.decode(bytes, maxBytes, scratch)
  } catch (error) {
    throw fromNative(error)
  }
  if (typeof made === 'string') return made
  if (typeof made === 'number') return scratch.toString('latin1', 0, made)
  if (Buffer.isBuffer(made) && made.length <= MOST_KEPT) scratch = made
  return contentOf(made)
}

/**
 * @param {Uint8Array} png
 * @param {import('../index.js').DecodeOptions} [options]
 * @returns {Promise<any>}
 */
async function decodeImageToDataAsync(png, options) {
  const maxBytes = decodeLimit(options)
  const bytes = checkImage(png)
  const made = await onPool(() => addon.decodeImageAsync(bytes, maxBytes))
  return dataOf(contentOf(/** @type {string | Buffer | ArrayBuffer} */ (made)))
}

/**
 * What the add-on found: text, long text that is ASCII, or carried bytes.
 * @param {string | Buffer | ArrayBuffer} made
 */
function contentOf(made) {
  if (typeof made === 'string') return made
  return Buffer.isBuffer(made) ? made.toString('latin1') : new Uint8Array(made)
}

/** @param {string | Uint8Array} content */
function dataOf(content) {
  return typeof content === 'string' ? parse(content) : content
}

/**
 * The JSON text of data, perhaps in pieces, or the bytes that they are.
 * @param {unknown} data
 * @param {number} maxBytes
 */
function textOrBytes(data, maxBytes) {
  let json
  try {
    if (isUint8Array(data)) return unshared(data)
    if (typeof data === 'object' && isAnyArrayBuffer(data)) return unshared(new Uint8Array(data))
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
    const message = `the data have no JSON form: ${describe(data)} is nothing in JSON; send null`
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
 * Runs a task on the pool; its failure arrives as a value, because native task errors cannot carry
 * our codes.
 * @template T
 * @param {() => Promise<T | Error>} start
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
    if (isNativeError(result)) throw result
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
  return unshared(png)
}

/**
 * Another thread may write to shared memory while it is read, so that is copied.
 * @param {Uint8Array} bytes
 */
function unshared(bytes) {
  const { buffer } = bytes
  return !(buffer instanceof ArrayBuffer) && isSharedArrayBuffer(buffer) ? Uint8Array.from(bytes) : bytes
}

/** @param {import('../index.js').EncodeOptions} [options] */
function encodeFlags(options) {
  if (options === undefined) return 0
  checkOptions('options', options, ENCODE_OPTIONS)
  const { compression = 'auto', charset = 'ascii', robust = false } = options
  const level = checkOneOf('options.compression', COMPRESSIONS, compression)
  const isUtf8 = checkOneOf('options.charset', CHARSETS, charset)
  checkBoolean('options.robust', robust)
  return level | (isUtf8 && UTF8) | (robust ? ROBUST : 0)
}

/** @param {import('../index.js').DecodeOptions} [options] */
function decodeLimit(options) {
  if (options !== undefined) checkOptions('options', options, DECODE_OPTIONS)
  return byteLimit(options)
}

/** @param {{ maxBytes?: number }} [options] */
function byteLimit(options) {
  if (options === undefined) return MAX_BYTES
  const { maxBytes = MAX_BYTES } = options
  checkInteger('options.maxBytes', maxBytes, 1, MAX_BYTES)
  return maxBytes
}

module.exports = {
  decodeContent,
  decodeImageToData,
  decodeImageToDataAsync,
  encodeDataToImage,
  encodeDataToImageAsync,
  encodeJson,
}
