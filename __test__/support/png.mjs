/** PNG files made and taken apart by hand, for what no encoder would write. */

import * as zlib from 'node:zlib'

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')

/**
 * @param {string} kind
 * @param {Uint8Array} data
 */
export function chunk(kind, data = Buffer.alloc(0)) {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(checksum(body))
  return Buffer.concat([length, body, crc])
}

/**
 * @param {{ width: number, height: number, depth?: number, colour?: number, compression?: number,
 * filter?: number, interlace?: number }} size
 */
export function header({ width, height, depth = 8, colour = 2, compression = 0, filter = 0, interlace = 0 }) {
  const data = Buffer.alloc(13)
  data.writeUInt32BE(width >>> 0, 0)
  data.writeUInt32BE(height >>> 0, 4)
  data.set([depth, colour, compression, filter, interlace], 8)
  return chunk('IHDR', data)
}

/** @param {...Uint8Array} chunks */
export function file(...chunks) {
  return Buffer.concat([SIGNATURE, ...chunks])
}

/**
 * A file of pixels: RGB, or RGBA with `channels: 4`, each row under the filter that `filter(row)`
 * names.
 * @param {Uint8Array} pixels
 * @param {{ width: number, height?: number, channels?: number, filter?: (row: number) => number,
 *   parts?: number }} options
 */
export function fromPixels(pixels, { width, height = 1, channels = 3, filter = () => 0, parts = 1 }) {
  const row = width * channels
  const lines = Array.from({ length: height }, (_, y) => pixels.subarray(y * row, (y + 1) * row))
  const rows = filtered(lines, channels, filter)
  const data = zlib.deflateSync(Buffer.concat(rows))
  const size = Math.ceil(data.length / parts)
  const idats = []
  for (let at = 0; at < data.length; at += size) idats.push(chunk('IDAT', data.subarray(at, at + size)))
  return file(header({ width, height, colour: channels === 4 ? 6 : 2 }), ...idats, chunk('IEND'))
}

/** Each pass of Adam7: its first column and row, and the steps to the next ones. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
]

/**
 * A file of samples, as any kind of PNG.
 * @param {(x: number, y: number) => number[]} sample the samples of a pixel
 * @param {{ width: number, height?: number, colour: number, depth: number, interlaced?: boolean,
 *   filter?: (row: number) => number, before?: Uint8Array[] }} options
 */
export function fromSamples(sample, { width, height = 1, colour, depth, interlaced = false, filter, before = [] }) {
  const passes = interlaced ? ADAM7 : [[0, 0, 1, 1]]
  const rows = passes.flatMap(([left, top, right, down]) => {
    const lines = []
    for (let y = top; y < height && left < width; y += down) {
      let bits = ''
      for (let x = left; x < width; x += right) {
        for (const value of sample(x, y)) bits += value.toString(2).padStart(depth, '0')
      }
      lines.push(Buffer.from((bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2))))
    }
    // Filters begin anew with each pass.
    return filtered(lines, Math.max(1, (sample(0, 0).length * depth) >> 3), filter ?? (() => 0))
  })
  const head = header({ width, height, colour, depth, interlace: interlaced ? 1 : 0 })
  return file(head, ...before, chunk('IDAT', zlib.deflateSync(Buffer.concat(rows))), chunk('IEND'))
}

/**
 * Lines, each behind its filter byte.
 * @param {Uint8Array[]} lines
 * @param {number} step bytes from a sample to the one left of it
 * @param {(row: number) => number} filter
 */
function filtered(lines, step, filter) {
  return lines.map((line, y) => {
    const kind = filter(y)
    const row = Buffer.alloc(line.length + 1)
    row[0] = kind
    for (let at = 0; at < line.length; at++) {
      const left = at < step ? 0 : line[at - step]
      const above = y === 0 ? 0 : lines[y - 1][at]
      const corner = y === 0 || at < step ? 0 : lines[y - 1][at - step]
      row[at + 1] = line[at] - [0, left, above, (left + above) >> 1, paeth(left, above, corner)][kind]
    }
    return row
  })
}

/**
 * The chunks of a file.
 * @param {Buffer} png
 */
export function chunks(png) {
  const found = []
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at)
    found.push({ kind: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) })
    at += 12 + length
  }
  return found
}

/**
 * The pixels of a file of ours: RGB without filters.
 * @param {Buffer} png
 */
export function pixelsOf(png) {
  const all = chunks(png)
  const width = all[0].data.readUInt32BE(0)
  const height = all[0].data.readUInt32BE(4)
  const raw = zlib.inflateSync(Buffer.concat(all.filter(({ kind }) => kind === 'IDAT').map(({ data }) => data)))
  const rows = []
  for (let y = 0; y < height; y++) rows.push(raw.subarray(y * (width * 3 + 1) + 1, (y + 1) * (width * 3 + 1)))
  return { width, height, pixels: Buffer.concat(rows), raw }
}

/**
 * CRC-32, from its definition: `zlib.crc32` is younger than Node 20.
 * @param {Uint8Array} bytes
 */
export function checksum(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes)
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

/**
 * @param {number} left
 * @param {number} above
 * @param {number} corner
 */
function paeth(left, above, corner) {
  const estimate = left + above - corner
  const [toLeft, toAbove, toCorner] = [left, above, corner].map((value) => Math.abs(estimate - value))
  if (toLeft <= toAbove && toLeft <= toCorner) return left
  return toAbove <= toCorner ? above : corner
}
