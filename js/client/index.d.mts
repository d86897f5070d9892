/** Options of `queryXD` and `xdClient`. */
export interface QueryOptions {
  /**
   * Cookies: `include` needs `Access-Control-Allow-Credentials` and a named origin on the server.
   * Default `omit`: none to other origins. An image of the page's own origin is always asked for
   * with its cookies.
   */
  credentials?: 'omit' | 'include'
  /** Rejects with the signal's reason and ends the download. */
  signal?: AbortSignal
  /** Milliseconds until it fails with `ERR_TEXAMPLE_IMAGE_UNREADABLE`. Default 30 000. */
  timeout?: number
  /**
   * Adds a unique `_` parameter to http(s) URLs, because proxies and browsers like to cache images.
   * Default true.
   */
  cacheBust?: boolean
  /**
   * Fetches the file and inflates it where the canvas of the browser does not give pixels back as
   * they are. The canvas is tried once a page, so this is one request; when an image cannot be
   * loaded or its data prove wrong, its URL is asked a second time, which tells why. Workers have
   * no images, and always fetch. Default true.
   */
  fallback?: boolean
  /** Accepts images of the original encoder, which carry no CRC. Default false. */
  legacy?: boolean
}

/** `error` is false on success. */
export type QueryCallback<T = unknown> = (error: false | Error, data?: T) => void

/**
 * Loads one image and reads the value in it: JSON, or a `Uint8Array` where bytes were encoded.
 * @throws {TypeError} `ERR_TEXAMPLE_INVALID_ARGUMENT`
 * @throws {TexampleError} `ERR_TEXAMPLE_IMAGE_UNREADABLE` when it is out of reach or its pixels
 * cannot be read,
 * `ERR_TEXAMPLE_IMAGE_CORRUPT` when they were changed, `ERR_TEXAMPLE_IMAGE_INVALID` when it is no
 * PNG
 */
export function queryXD<T = unknown>(url: string | URL, options?: QueryOptions): Promise<T>
export function queryXD<T = unknown>(url: string | URL, callback: QueryCallback<T>): void
export function queryXD<T = unknown>(
  url: string | URL,
  options: QueryOptions | undefined,
  callback: QueryCallback<T>,
): void

/**
 * A function of a query that is appended to one URL: the original's
 * `queryXD('uid=2134', callback)`.
 */
export function xdClient(base: string | URL, options?: QueryOptions): XdClient

/** Asks with a query appended to the URL of `xdClient`. */
export interface XdClient {
  <T = unknown>(query?: string | URLSearchParams): Promise<T>
  <T = unknown>(query: string | URLSearchParams | undefined, callback: QueryCallback<T>): void
}

/** What `decodeImage` takes besides the source. */
export type DecodeImageOptions = Pick<QueryOptions, 'signal' | 'timeout' | 'legacy'>

/**
 * Reads the value in an image of the page.
 *
 * Files (a `Blob`, bytes, a `Response`) may be any lossless kind of PNG. An element is waited for,
 * and a lazy one is loaded now; it needs `crossOrigin` when it is from another origin. Strings and
 * URLs are `data:` or `blob:` URLs: `queryXD` asks others.
 * @throws those of `queryXD`
 */
export function decodeImage<T = unknown>(
  source:
    | HTMLImageElement
    | HTMLCanvasElement
    | OffscreenCanvas
    | ImageBitmap
    | Blob
    | ArrayBuffer
    | ArrayBufferView
    | Response
    | URL
    | string,
  options?: DecodeImageOptions,
): Promise<T>

/** A failure. `code` is API, the text is not. */
export class TexampleError extends Error {
  /** What failed, to match on. */
  readonly code:
    | 'ERR_TEXAMPLE_IMAGE_UNREADABLE'
    | 'ERR_TEXAMPLE_IMAGE_CORRUPT'
    | 'ERR_TEXAMPLE_IMAGE_INVALID'
    | 'ERR_TEXAMPLE_NOT_SERIALIZABLE'
    | 'ERR_TEXAMPLE_DATA_TOO_LARGE'
  /** The error that led to it. */
  readonly cause?: unknown
}
