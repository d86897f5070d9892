import { open } from './frame.mjs'
import { inflate } from './inflate.mjs'

/**
 * The value in a payload of the plain form or of the robust one: six bits in the top of each
 * channel, see docs/data-images.md.
 * @param {Uint8Array} payload
 * @param {boolean} [legacy]
 */
export const openRobust = (payload, legacy) =>
  open(payload, legacy).catch((error) =>
    unpack(payload)
      .then(open)
      .catch(() => {
        throw error
      }),
  )

/**
 * The plain payload in a robust one: what stands behind JSON there is in the header here.
 * @param {Uint8Array} channels
 */
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
  // Lengths that deflate cannot reach are those of another picture, and must not take memory.
  if (length > deflated.length * 1032) throw 'length'
  const payload = await inflate([deflated], 'deflate-raw', length + 5)
  payload.set(bytes.subarray(8, 12), length + 1)
  return payload
}
