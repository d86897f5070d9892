import { bounded } from './bounded.mjs'
import { unreadable, wrong } from './error.mjs'
import { draw, noise } from './pixels.mjs'
import { readPng } from './png.mjs'

/**
 * The client: `read` takes the value out of a payload that is off by `bearable` at the most.
 * @param {(payload: Uint8Array, legacy?: boolean) => Promise<any>} read
 * @param {number} bearable
 */
export function createClient(read, bearable) {
  /**
   * @param {any} picture
   * @param {boolean} [legacy]
   */
  async function readPicture(picture, legacy) {
    try {
      // Out of view it would not load.
      picture.loading &&= 'eager'
      // In a background tab `load` comes, and `decode()` waits until the tab is looked at.
      if (picture.complete === false) {
        await new Promise((resolve) => {
          picture.addEventListener('load', resolve)
          picture.addEventListener('error', resolve)
        })
      }
      return await read(await draw(picture), legacy)
    } catch (cause) {
      throw noise() ? unreadable(cause) : cause
    }
  }

  /**
   * @param {any} file
   * @param {boolean} [legacy]
   */
  const readFile = async (file, legacy) => read(await readPng(file), legacy)

  /**
   * @param {URL} url
   * @param {import('./index.mjs').QueryOptions} options
   * @param {AbortSignal} signal
   */
  async function ask(url, { credentials, fallback = true, legacy }, signal) {
    const withCookies = credentials === 'include'
    /** @type {unknown} */
    let failed
    // Workers have no `Image`.
    if (globalThis.Image && (!fallback || noise() <= bearable)) {
      const image = new Image()
      image.crossOrigin = withCookies ? 'use-credentials' : ''
      image.src = /** @type {any} */ (url)
      // Ends the download.
      signal.onabort = () => {
        image.src = ''
      }
      try {
        return await readPicture(image, legacy)
      } catch (error) {
        failed = error
      }
    }
    if (failed && !fallback) throw failed
    // Without credentials, cookies go to the page's own origin alone: so do those of an image.
    return readFile(
      await fetch(url, { credentials: withCookies ? credentials : undefined, signal }).catch((cause) => {
        throw failed ?? cause
      }),
      legacy,
    )
  }

  /**
   * @param {string | URL} url
   * @param {any} [options]
   * @param {any} [callback]
   * @returns {any}
   */
  function queryXD(url, options, callback) {
    if (options?.call) return queryXD(url, {}, options)
    const answer = bounded(options, (signal, options) => ask(address(url, options), options, signal))
    if (!callback) return answer
    // In a task of their own, so that what a callback throws is reported and nothing else.
    answer.then(
      (data) => setTimeout(callback, 0, false, data),
      (error) => setTimeout(callback, 0, error),
    )
  }

  return {
    queryXD,

    /**
     * @param {string | URL} base
     * @param {any} [options]
     */
    xdClient: (base, options) => (/** @type {any} */ query, /** @type {any} */ callback) =>
      queryXD(base, { ...options, query }, callback),

    /**
     * @param {any} source
     * @param {any} [options]
     * @returns {Promise<any>}
     */
    decodeImage: (source, options) =>
      bounded(options, async (signal, { legacy }) => {
        if (source?.byteLength >= 0) source = new Response(source)
        if (source?.arrayBuffer) return readFile(source, legacy)
        if (source?.width >= 0) return readPicture(source, legacy)
        if (/^(data|blob):/.test(source?.href ?? source?.trim?.())) return ask(address(source, {}), { legacy }, signal)
        throw wrong('source must be an image, canvas, Blob, bytes, Response, data: or blob: URL')
      }),
  }
}

/**
 * @param {any} url
 * @param {import('./index.mjs').QueryOptions & { query?: unknown }} options
 */
function address(url, { query, cacheBust = true }) {
  try {
    // Only a string has `trim`. A request's URL is relative to the page, or to the worker.
    url = new URL(new Request(url.href ?? url.trim()).url)
  } catch {
    throw wrong('url must be a URL')
  }
  // Proxies and browsers like to cache images, even without their CORS headers.
  const unique = cacheBust && url.host && `_=${Math.random()}`
  url.search = [url.search, query, unique].filter(Boolean).join('&')
  return url
}
