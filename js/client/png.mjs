import { TexampleError } from './error.mjs'
import { inflate } from './inflate.mjs'

/**
 * Red, green and blue of a PNG file of any kind, read without a canvas. Of 16 bits the high byte
 * counts, and alpha is passed over.
 * @param {any} response a Response or a Blob
 * @returns {Promise<Uint8Array>}
 */
export async function readPng(response) {
  const file = await response.arrayBuffer()
  const bytes = new Uint8Array(file)
  if (bytes[0] !== 0x89 || bytes[1] !== 0x50) {
    // A page that says 404 is not the image.
    throw new TexampleError(response.ok === false ? 'UNREADABLE' : 'INVALID', 'no PNG')
  }
  try {
    const view = new DataView(file)
    // Beyond the end it throws a RangeError.
    const at = (/** @type {number} */ offset) => view.getUint32(offset)
    const width = at(16)
    const height = at(20)
    const [depth, colour, , , interlaced] = bytes.subarray(24)
    const channels = +'1031204'[colour]
    // Sixteen bits of as many pixels as a data image has at the most: a larger picture must not
    // take memory.
    if (width * height * depth > 2 ** 28) throw 0
    const parts = []
    /** @type {any} */
    let palette
    // Two letters tell the kinds that count apart: IEND, IDAT, PLTE.
    for (let chunk = 8, kind = 0; kind !== 0x4945; ) {
      kind = at(chunk + 4) >> 16
      const end = chunk + 8 + at(chunk)
      const data = bytes.subarray(chunk + 8, end)
      if (kind === 0x4944) parts.push(data)
      if (kind === 0x504c) palette = data
      chunk = end + 4
    }

    const lengthOf = (/** @type {number} */ columns) => (columns * channels * depth + 7) >> 3
    const step = lengthOf(1)
    // Passes have more rows in all, and round each one up.
    const raw = await inflate(parts, 'deflate', ((lengthOf(width) + 8) * (height + 8)) << interlaced)
    const pixels = new Uint8Array(width * height * 3)
    const most = ((1 << depth) - 1) & 255
    let row = 0
    // The seven passes of Adam7; a file that is not interlaced is what would be the eighth.
    let pass = interlaced ? 0 : 7
    do {
      const right = 8 >> (pass / 2)
      const down = 8 >> ((pass - 1) / 2)
      const left = pass % 2 && right >> 1
      const top = pass % 2 || !pass ? 0 : down >> 1
      const length = lengthOf(Math.ceil((width - left) / right))
      for (let y = top; y < height && length > 0; y += down, row += length) {
        const filter = raw[row++]
        for (let i = 0; filter && i < length; i++) {
          // Outside of the picture all are 0, which false is in what follows.
          const a = /** @type {number} */ (i >= step && raw[row + i - step])
          const b = /** @type {number} */ (y > top && raw[row + i - length - 1])
          const c = /** @type {number} */ (i >= step && y > top && raw[row + i - length - 1 - step])
          const paeth = [a, b, c].sort((one, other) => Math.abs(a + b - c - one) - Math.abs(a + b - c - other))[0]
          raw[row + i] += [0, a, b, (a + b) >> 1, paeth][filter]
        }
        const sample = (/** @type {number} */ bit) => (raw[row + (bit >> 3)] >> ((8 - depth - bit) & 7)) & most
        for (let x = left, index = 0; x < width; x += right, index++) {
          for (let channel = 0; channel < 3; channel++) {
            pixels[(y * width + x) * 3 + channel] =
              colour === 3
                ? palette[sample(index * depth) * 3 + channel]
                : (sample((index * channels + (colour & 2 && channel)) * depth) * 255) / most
          }
        }
      }
    } while (++pass < 7)
    return pixels
  } catch (cause) {
    throw new TexampleError('CORRUPT', 'a broken PNG', cause)
  }
}
