import { TexampleError } from './error.mjs'

/**
 * The red, green and blue of a PNG file, read without a canvas.
 * @param {Response} response
 * @returns {Promise<Uint8Array>}
 */
export async function readPng(response) {
  try {
    const file = await response.arrayBuffer()
    const view = new DataView(file)
    // Beyond the end it throws a RangeError.
    const at = (/** @type {number} */ offset) => view.getUint32(offset)
    // The signature; eight bits of red, green and blue, alpha or not; not interlaced; no larger than ours.
    if (at(0) !== 0x89504e47 || (at(24) | 0x40000) !== 0x8060000 || at(28) >>> 24 || at(16) * at(20) > 2 ** 25) {
      throw new TexampleError('INVALID', 'not a PNG that carries data')
    }
    const parts = []
    for (let chunk = 8; at(chunk + 4) !== 0x49454e44; chunk += at(chunk) + 12) {
      if (at(chunk + 4) === 0x49444154) parts.push(file.slice(chunk + 8, chunk + 8 + at(chunk)))
    }
    const channels = at(24) & 0x40000 ? 4 : 3
    const row = at(16) * 3
    const raw = await inflate(parts, 'deflate', (at(16) * channels + 1) * at(20))
    const pixels = new Uint8Array(row * at(20))
    // Each channel is filtered by itself, so alpha can be passed over.
    for (let from = 0, to = 0; to < pixels.length; ) {
      const filter = raw[from++]
      for (let x = 0; x < row; x++, to++) {
        const left = x < 3 ? 0 : pixels[to - 3]
        const above = pixels[to - row] | 0
        const corner = x < 3 ? 0 : pixels[to - row - 3] | 0
        const paeth = (/** @type {number} */ best, /** @type {number} */ other) =>
          Math.abs(left + above - corner - other) < Math.abs(left + above - corner - best) ? other : best
        pixels[to] = raw[from++] + [0, left, above, (left + above) >> 1, [left, above, corner].reduce(paeth)][filter]
        if (x % 3 > 1) from += channels - 3
      }
    }
    return pixels
  } catch (/** @type {any} */ cause) {
    throw cause.code ? cause : new TexampleError('CORRUPT', 'the PNG is cut off', cause)
  }
}

/**
 * Inflates exactly `length` bytes, and throws when they are fewer or more.
 * @param {BlobPart[]} parts
 * @param {CompressionFormat} format
 * @param {number} length
 */
export async function inflate(parts, format, length) {
  const reader = new Blob(parts).stream().pipeThrough(new DecompressionStream(format)).getReader()
  const bytes = new Uint8Array(length)
  for (let filled = 0; ; ) {
    const { done, value } = await reader.read()
    if (done && filled === length) return bytes
    // Too few: no `value`. Too many: they do not fit.
    bytes.set(/** @type {Uint8Array} */ (value), filled)
    filled += /** @type {Uint8Array} */ (value).length
  }
}
