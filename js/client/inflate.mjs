/**
 * Inflates at most `length` bytes, and throws when there are more; zeros fill the rest.
 * @param {BlobPart[]} parts
 * @param {CompressionFormat} format
 * @param {number} length
 */
export async function inflate(parts, format, length) {
  const reader = new Blob(parts).stream().pipeThrough(new DecompressionStream(format)).getReader()
  const bytes = new Uint8Array(length)
  for (let filled = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return bytes
    bytes.set(value, filled)
    filled += value.length
  }
}
