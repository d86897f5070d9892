export interface QueryOptions {
  /** Cookies: `include` needs `Access-Control-Allow-Credentials` and a named origin on the server. Default `omit`: none to
   * other origins (an image of the page's own origin is always asked for with its cookies). */
  credentials?: 'omit' | 'include'
  /** Rejects with the signal's reason and ends the download. */
  signal?: AbortSignal
  /** Milliseconds until the query fails with `ERR_TEXAMPLE_IMAGE_UNREADABLE`. Default 30 000. */
  timeout?: number
  /** Adds a unique `_` parameter to http(s) URLs, because proxies and browsers like to cache images. Default true. */
  cacheBust?: boolean
  /**
   * Fetches the file and inflates it where the canvas of the browser does not give pixels back as they are. The
   * canvas is tried once a page, so this is one request; when an image alone proves wrong, its URL is asked a second
   * time. Default true.
   */
  fallback?: boolean
  /** Accepts images of the original encoder, which carry no CRC. Default false. */
  legacy?: boolean
}

/** `error` is false on success. */
export type QueryCallback<T = unknown> = (error: false | Error, data?: T) => void

/**
 * Loads one image and reads the value in it.
 * @throws {TexampleError} `ERR_TEXAMPLE_IMAGE_UNREADABLE` when it cannot be loaded or its pixels cannot be read,
 * `ERR_TEXAMPLE_IMAGE_CORRUPT` when they were changed, `ERR_TEXAMPLE_IMAGE_INVALID` when it is a PNG of another kind
 */
export function queryXD<T = unknown>(url: string | URL, options?: QueryOptions): Promise<T>
export function queryXD<T = unknown>(url: string | URL, callback: QueryCallback<T>): void
export function queryXD<T = unknown>(
  url: string | URL,
  options: QueryOptions | undefined,
  callback: QueryCallback<T>,
): void

/** A function of a query that is appended to one URL: the original's `queryXD('uid=2134', callback)`. */
export function xdClient(base: string | URL, options?: QueryOptions): XdClient

export interface XdClient {
  <T = unknown>(query?: string | URLSearchParams): Promise<T>
  <T = unknown>(query: string | URLSearchParams | undefined, callback: QueryCallback<T>): void
}

/** Reads the value in an image that is here already. An element needs `crossOrigin` when it is from another origin. */
export function decodeImage<T = unknown>(
  source: HTMLImageElement | ImageBitmap | Blob | Uint8Array,
  options?: { legacy?: boolean },
): Promise<T>

/** A failure. `code` is API, the text is not. */
export class TexampleError extends Error {
  readonly code: 'ERR_TEXAMPLE_IMAGE_UNREADABLE' | 'ERR_TEXAMPLE_IMAGE_CORRUPT' | 'ERR_TEXAMPLE_IMAGE_INVALID'
  readonly cause?: unknown
}
