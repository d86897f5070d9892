/**
 * CRC-32 as in PNG.
 * @param {ArrayLike<number>} bytes
 */
export function crc32(bytes) {
  let crc = -1
  for (let at = 0; at < bytes.length; ) crc = TABLE[(crc ^ bytes[at++]) & 255] ^ (crc >>> 8)
  return ~crc >>> 0
}

const TABLE = new Int32Array(256).map((_, value) => {
  for (let bit = 8; bit--; ) value = (value >>> 1) ^ (value & 1 && 0xedb88320)
  return value
})
