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

/**
 * @param {unknown} [cause]
 * @param {string} message
 */
export const unreadable = (cause, message = 'no image, CORS or honest canvas') =>
  new TexampleError('UNREADABLE', message, cause)

/**
 * An argument that is wrong.
 * @param {string} expected what must be
 */
export const wrong = (expected) => Object.assign(new TypeError(expected), { code: 'ERR_TEXAMPLE_INVALID_ARGUMENT' })
