import { crc32, open } from './frame.mjs'
import { inflate } from './png.mjs'

/**
 * The value that the bytes of the pixels carry, in the plain form or in the robust one: six bits in the top of each
 * channel, see docs/data-images.md.
 * @param {Uint8Array} bytes
 * @param {boolean} [legacy]
 */
export async function openRobust(bytes, legacy) {
  try {
    return await open(bytes, legacy)
  } catch (error) {
    const json = await unpack(bytes).catch(() => undefined)
    if (json) return JSON.parse(new TextDecoder().decode(json))
    throw error
  }
}

/** @param {Uint8Array} channels */
async function unpack(channels) {
  const bytes = new Uint8Array((channels.length >> 2) * 3 + 3)
  for (let from = 0, to = 0; from < channels.length; ) {
    let bits = 0
    for (let count = 0; count < 4; count++) bits = (bits << 6) | (channels[from++] >> 2)
    bytes[to++] = bits >> 16
    bytes[to++] = bits >> 8
    bytes[to++] = bits
  }
  const view = new DataView(bytes.buffer)
  const length = view.getUint32(4)
  const deflated = bytes.slice(12, 12 + view.getUint32(0))
  // The CRC tells the forms apart; the lengths keep what is not ours from taking memory.
  if (deflated.length < view.getUint32(0) || length > deflated.length * 1032) return
  const json = await inflate([deflated], 'deflate-raw', length)
  if (length && crc32(json) === view.getUint32(8)) return json
}
