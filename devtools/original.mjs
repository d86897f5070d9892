/** The original's encoder and decoder, written anew from its rules: what compatibility means. */

/**
 * The bytes that the original wrote: percent-encoded JSON.
 * @param {unknown} data
 */
export function originalBytes(data) {
  return Buffer.from(encodeURIComponent(JSON.stringify(data)), 'latin1')
}

/**
 * What the original's canvas held: one row, three bytes a pixel, opaque.
 * @param {unknown} data
 * @returns {{ width: number, height: number, rgba: Buffer }}
 */
export function originalCanvas(data) {
  const bytes = originalBytes(data)
  const width = Math.ceil(bytes.length / 3)
  const rgba = Buffer.alloc(width * 4, 255)
  for (let pixel = 0; pixel < width; pixel++) {
    for (let channel = 0; channel < 3; channel++) rgba[pixel * 4 + channel] = bytes[pixel * 3 + channel] ?? 0
  }
  return { width, height: 1, rgba }
}

/**
 * The original's rule: over the first `width * 4` values every fourth is skipped, a zero ends the
 * data, the rest are character codes.
 * @param {{ width: number, data: Uint8Array }} canvas RGBA
 */
export function originalDecode({ width, data }) {
  let text = ''
  for (let at = 0; at < width * 4; at++) {
    if (at % 4 === 3) continue
    if (data[at] === 0) break
    text += String.fromCharCode(data[at])
  }
  return JSON.parse(decodeURIComponent(text))
}
