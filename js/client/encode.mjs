/** texample/client/encode: data images made without a server; in pages, workers and Node.js. */

import { crc32 } from './crc32.mjs'
import { TexampleError, wrong } from './error.mjs'

export { TexampleError } from './error.mjs'

/** Bytes of the largest image: 4096 rows of 4096 pixels. */
const LARGEST = 50_331_648

/** The most bytes that a stored block holds. */
const BLOCK = 65_535

/**
 * @param {any} data
 * @param {any} [options]
 */
export async function encodeImage(data, options = {}) {
  const { charset = 'ascii', compress = true, robust = false, ...rest } = Object(options)
  if (
    options !== Object(options) ||
    (charset !== 'ascii' && charset !== 'utf-8') ||
    compress !== !!compress ||
    robust !== !!robust ||
    Object.keys(rest).length
  ) {
    throw wrong("options must be { charset: 'ascii' | 'utf-8', compress: boolean, robust: boolean }")
  }
  const content = contentOf(data, charset)
  const plain = content[0] ? join(content, [0], word(crc32(content))) : content
  const payload = robust ? await spread(content) : plain
  const pixels = Math.ceil(payload.length / 3)
  const width = pixels > 16_384 ? 4096 : pixels
  const height = Math.ceil(pixels / width)
  if (height > 4096 || plain.length > LARGEST) throw failure('DATA_TOO_LARGE', 'more than an image carries')

  const row = width * 3
  const rows = new Uint8Array((row + 1) * height).fill(robust ? 2 : 0)
  for (let y = 0; y < height; y++) {
    rows[y * (row + 1)] = 0
    rows.set(payload.subarray(y * row, (y + 1) * row), y * (row + 1) + 1)
  }
  const deflated = compress ? await deflate(rows, 'deflate') : rows
  const file = join(
    [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10],
    chunk('IHDR', join(word(width), word(height), [8, 2, 0, 0, 0])),
    chunk('IDAT', deflated.length < rows.length ? deflated : store(rows, row + 1)),
    chunk('IEND', []),
  )
  return new Blob([file], { type: 'image/png' })
}

/**
 * The text of JSON, or bytes behind their header.
 * @param {any} data
 * @param {string} charset
 */
function contentOf(data, charset) {
  let json
  try {
    if (data instanceof ArrayBuffer) data = new Uint8Array(data)
    if (data instanceof Uint8Array) return join([0, 1], word(data.length), word(crc32(data)), data)
    json = JSON.stringify(data)
  } catch (cause) {
    throw failure('NOT_SERIALIZABLE', 'no JSON', cause)
  }
  if (json === undefined) throw failure('NOT_SERIALIZABLE', 'no JSON; send null')
  // The same few characters are escaped again and again.
  /** @type {Record<string, string>} */
  const escapes = {}
  return new TextEncoder().encode(
    json.replace(
      charset === 'ascii' ? /[^ -~]|%/g : /%/g,
      (unit) => (escapes[unit] ??= `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
    ),
  )
}

/**
 * The robust form: six bits in the top of each channel, `10` in the others.
 * @param {Uint8Array} content
 */
async function spread(content) {
  const deflated = await deflate(content, 'deflate-raw')
  const bytes = join(word(deflated.length), word(content.length), word(crc32(content)), deflated)
  const channels = new Uint8Array(Math.ceil((bytes.length * 4) / 3))
  for (let to = 0; to < channels.length; to++) {
    const from = (to * 6) >> 3
    channels[to] = ((((bytes[from] << 8) | bytes[from + 1]) >> (10 - ((to * 6) & 7))) << 2) | 2
  }
  return channels
}

/**
 * A zlib stream of stored blocks of whole rows.
 * @param {Uint8Array} rows
 * @param {number} row bytes of one
 */
function store(rows, row) {
  const size = row * Math.floor(BLOCK / row)
  const parts = [[0x78, 1]]
  let a = 1
  let b = 0
  for (let at = 0; at < rows.length; at += size) {
    const block = rows.subarray(at, at + size)
    const { length } = block
    const isLast = at + size >= rows.length
    parts.push([+isLast, length, length >> 8, ~length, ~length >> 8], /** @type {any} */ (block))
    // The sums of a block stay exact.
    for (let i = 0; i < length; i++) b += a += block[i]
    a %= 65_521
    b %= 65_521
  }
  return join(...parts, word(((b << 16) | a) >>> 0))
}

/**
 * @param {Uint8Array} bytes
 * @param {CompressionFormat} format
 */
async function deflate(bytes, format) {
  // Not by way of a Blob or a Response: they cost as much as to deflate some kilobytes.
  const { readable, writable } = new CompressionStream(format)
  const writer = writable.getWriter()
  // The reader is told what fails.
  writer.write(/** @type {any} */ (bytes)).catch(() => {})
  writer.close().catch(() => {})
  const reader = readable.getReader()
  for (const parts = []; ; ) {
    const { done, value } = await reader.read()
    if (done) return join(...parts)
    parts.push(value)
  }
}

/**
 * @param {string} kind
 * @param {ArrayLike<number>} data
 */
function chunk(kind, data) {
  const body = join(new TextEncoder().encode(kind), data)
  return join(word(data.length), body, word(crc32(body)))
}

/**
 * 32 bits, big-endian.
 * @param {number} number
 */
const word = (number) => [number >>> 24, number >>> 16, number >>> 8, number]

/** @param {...ArrayLike<number>} parts bytes; of larger numbers the low eight bits */
function join(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/**
 * @param {string} code
 * @param {string} message
 * @param {unknown} [cause]
 */
const failure = (code, message, cause) =>
  Object.assign(new TexampleError(/** @type {any} */ (''), message, cause), { code: `ERR_TEXAMPLE_${code}` })
