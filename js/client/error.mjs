/** A failure: `code` is API, the text is not. */
export class TexampleError extends Error {
  name = 'TexampleError'

  /**
   * @param {'INVALID' | 'CORRUPT' | 'UNREADABLE'} kind
   * @param {string} message
   * @param {unknown} [cause]
   */
  constructor(kind, message, cause) {
    super(message, { cause })
    this.code = `ERR_TEXAMPLE_IMAGE_${kind}`
  }
}
