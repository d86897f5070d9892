import { TexampleError } from './error.mjs'

/**
 * CRC-32 as in PNG.
 * @param {Uint8Array} bytes
 */
export function crc32(bytes) {
  let crc = -1
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8)
  return ~crc >>> 0
}

const TABLE = Int32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0)
  return value
})

/**
 * The value that the bytes of the pixels carry.
 * @param {Uint8Array} bytes
 * @param {boolean} [legacy] accept what the original encoder wrote, which has no CRC
 */
export async function open(bytes, legacy) {
  const end = bytes.indexOf(0)
  const json = end < 0 ? bytes : bytes.subarray(0, end)
  const text = new TextDecoder().decode(json)
  const holds =
    end >= 0 && bytes.length > end + 4
      ? crc32(json) === new DataView(bytes.buffer).getUint32(end + 1)
      : legacy && /^[\w.!~*'()%-]+$/.test(text)
  try {
    if (!holds) throw 'CRC'
    // Only the original encoder wrote a percent sign; nothing is no JSON.
    return JSON.parse(decodeURIComponent(text))
  } catch (cause) {
    throw new TexampleError('CORRUPT', 'the pixels were changed', cause)
  }
}
