import { TexampleError } from './index.mjs'

export { TexampleError }

/** Options of `encodeImage`. One that is not here is an error. */
export interface EncodeImageOptions {
  /**
   * `ascii` is read by the original decoder too; `utf-8` is smaller for text that is not Latin.
   * Default `ascii`.
   */
  charset?: 'ascii' | 'utf-8'
  /** Deflates the pixels where that makes the file smaller. Default true. */
  compress?: boolean
  /**
   * Survives noise in the two low bits of each channel; `texample/client/robust` reads it. Default
   * false.
   */
  robust?: boolean
}

/**
 * Makes a data image where there is no server: in a page, a worker, or Node.js.
 *
 * The format is that of `encodeDataToImage`, whose options are those of Node.js: with
 * `compress: false` and without `robust` the file is the same to the byte as with
 * `compression: 'none'`.
 * @param data anything `JSON.stringify` accepts; a `Uint8Array` or an `ArrayBuffer` is carried as
 * bytes
 * @returns the PNG file, `image/png`
 * @throws {TypeError} `ERR_TEXAMPLE_INVALID_ARGUMENT`
 * @throws {TexampleError} `ERR_TEXAMPLE_NOT_SERIALIZABLE` when it has no JSON form,
 * `ERR_TEXAMPLE_DATA_TOO_LARGE` past 50 331 643 bytes of JSON or 50 331 638 bytes
 */
export function encodeImage(data: unknown, options?: EncodeImageOptions): Promise<Blob>
