import { crc32 } from './crc32.mjs'
import { TexampleError } from './error.mjs'

/**
 * The value in a payload, which is the bytes of the pixels: JSON, a zero and a CRC, or 00 01, a
 * length, a CRC and bytes.
 * @param {Uint8Array} payload at the beginning of its buffer
 * @param {boolean} [legacy] accept what the original encoder wrote, which has no CRC
 */
export async function open(payload, legacy) {
  try {
    const view = new DataView(payload.buffer)
    const end = payload.indexOf(0)
    const length = !end && payload[1] === 1 ? view.getUint32(2) : -1
    const isJson = length < 0
    // Without a zero `end` is -1, which is past every end without its sign.
    const data = isJson ? payload.subarray(0, end >>> 0) : payload.slice(10, 10 + length)
    const text = new TextDecoder().decode(data)
    const at = isJson ? end + 1 : 6
    const holds =
      at && payload.length > at + 3 ? crc32(data) === view.getUint32(at) : legacy && /^[\w.!~*'()%-]+$/.test(text)
    // The CRC of nothing is 0: a larger black picture with a blot in its corner would pass.
    if (!holds || (!length && payload.length > 15)) throw 0
    // Only the original encoder wrote a percent sign; nothing is no JSON.
    return isJson ? JSON.parse(decodeURIComponent(text)) : data
  } catch (cause) {
    throw new TexampleError('CORRUPT', 'the pixels were changed', cause)
  }
}
