/**
 * The same format in plain JavaScript on node's zlib, written as well as one can: the peer for
 * a server without this package. Buffers are kept, text is written by native calls, nothing is done
 * twice.
 */

import * as zlib from 'node:zlib'

const HEAD = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
const END = Buffer.from('0000000049454e44ae426082', 'hex')

const TABLE = Int32Array.from({ length: 256 }, (_, value) => {
  let crc = value
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** Node 20.15 and 22.2 have a native one. */
const crc32 =
  zlib.crc32 ??
  ((bytes) => {
    let crc = -1
    for (let at = 0; at < bytes.length; at++) crc = TABLE[(crc ^ bytes[at]) & 255] ^ (crc >>> 8)
    return ~crc >>> 0
  })

const ESCAPED = /[%\u007f-\uffff]/g
const escapeUnit = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * @param {unknown} data
 * @param {number} level
 */
export function encodeByHand(data, level) {
  const json = JSON.stringify(data).replace(ESCAPED, escapeUnit)
  const payload = json.length + 5
  const pixels = Math.ceil(payload / 3)
  const width = pixels <= 16_384 ? pixels : 4_096
  const height = pixels <= 16_384 ? 1 : Math.ceil(pixels / 4_096)
  const row = width * 3
  const raw = Buffer.alloc((row + 1) * height)
  if (height === 1) {
    raw.latin1Write(json, 1)
    raw.writeUInt32BE(crc32(raw.subarray(1, 1 + json.length)), 2 + json.length)
  } else {
    const bytes = Buffer.alloc(row * height)
    bytes.latin1Write(json, 0)
    bytes.writeUInt32BE(crc32(bytes.subarray(0, json.length)), 1 + json.length)
    for (let y = 0; y < height; y++) bytes.copy(raw, y * (row + 1) + 1, y * row, (y + 1) * row)
  }
  const deflated = zlib.deflateSync(raw, { level })
  const png = Buffer.allocUnsafe(57 + deflated.length)
  HEAD.copy(png)
  png.writeUInt32BE(width, 16)
  png.writeUInt32BE(height, 20)
  png.writeUInt32BE(0x08020000, 24)
  png[28] = 0
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29)
  png.writeUInt32BE(deflated.length, 33)
  png.writeUInt32BE(0x49444154, 37)
  deflated.copy(png, 41)
  png.writeUInt32BE(crc32(png.subarray(37, 41 + deflated.length)), 41 + deflated.length)
  END.copy(png, 45 + deflated.length)
  return png
}

/**
 * Reads what `encodeByHand` and the package write, and gives the same guarantees: the kind of PNG,
 * the CRC of each chunk and the CRC of the data are checked.
 * @param {Buffer} png
 */
export function decodeByHand(png) {
  if (png.length < 57 || HEAD.compare(png, 0, 16) !== 0) throw new Error('not a PNG')
  const width = png.readUInt32BE(16)
  const height = png.readUInt32BE(20)
  if (png.readUInt32BE(24) !== 0x08020000 || png[28] !== 0) throw new Error('another kind')
  if (width * height > 2 ** 24) throw new Error('too large')
  const parts = []
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at)
    const end = at + 8 + length
    if (crc32(png.subarray(at + 4, end)) !== png.readUInt32BE(end)) throw new Error('chunk')
    if (png.readUInt32BE(at + 4) === 0x49444154) parts.push(png.subarray(at + 8, end))
    at = end + 4
  }
  const row = width * 3
  const raw = zlib.inflateSync(parts.length === 1 ? parts[0] : Buffer.concat(parts), {
    maxOutputLength: (row + 1) * height,
  })
  let bytes = raw.subarray(1)
  if (height > 1) {
    bytes = Buffer.allocUnsafe(row * height)
    for (let y = 0; y < height; y++) raw.copy(bytes, y * row, y * (row + 1) + 1, (y + 1) * (row + 1))
  }
  const end = bytes.indexOf(0)
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end + 1)) throw new Error('CRC')
  return JSON.parse(bytes.latin1Slice(0, end))
}
