import { TexampleError } from './error.mjs'
import { draw, noise } from './pixels.mjs'
import { readPng } from './png.mjs'

/**
 * The client: `read` takes the value out of bytes, noisy up to what is `bearable`.
 * @param {(bytes: Uint8Array, legacy?: boolean) => Promise<any>} read
 * @param {number} bearable
 */
export function createClient(read, bearable) {
  /**
   * @param {any} image
   * @param {boolean} [legacy]
   */
  async function readImage(image, legacy) {
    try {
      return await read(draw(image), legacy)
    } catch (cause) {
      throw cause instanceof TexampleError && !noise() ? cause : unreadable(cause)
    }
  }

  /**
   * @param {Response} response
   * @param {boolean} [legacy]
   */
  const readFile = async (response, legacy) => read(await readPng(response), legacy)

  /**
   * @param {URL} url
   * @param {import('./index.mjs').QueryOptions} options
   * @param {AbortSignal} signal
   */
  async function ask(url, { credentials = 'omit', fallback = true, legacy }, signal) {
    let failed
    if (!fallback || noise() <= bearable) {
      const image = new Image()
      image.crossOrigin = credentials === 'omit' ? '' : 'use-credentials'
      image.src = url.href
      // Ends the download.
      signal.onabort = () => {
        image.src = ''
      }
      await loaded(image)
      try {
        return await readImage(image, legacy)
      } catch (error) {
        failed = error
      }
    }
    if (!fallback) throw failed
    /** @type {any} */
    const response = await fetch(url, { credentials, signal }).catch((error) => error)
    if (!response.ok) throw failed ?? unreadable(response)
    return readFile(response, legacy)
  }

  /**
   * @param {string | URL} url
   * @param {any} [options]
   * @param {any} [callback]
   * @returns {any}
   */
  function queryXD(url, options = {}, callback) {
    if (options.call) return queryXD(url, {}, options)
    const answer = bounded(url, options, ask)
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
     * @param {{ legacy?: boolean }} [options]
     */
    async decodeImage(source, { legacy } = {}) {
      if (!('width' in source)) return readFile(new Response(source), legacy)
      await loaded(source)
      return readImage(source, legacy)
    },
  }
}

/** @param {any} image */
const loaded = (image) =>
  image.decode?.().catch((/** @type {unknown} */ cause) => {
    throw unreadable(cause, 'no image, or no CORS')
  })

/** @param {unknown} cause */
const unreadable = (cause, message = 'the canvas changes pixels, or lacks crossOrigin') =>
  new TexampleError('UNREADABLE', message, cause)

/**
 * @param {string | URL} address
 * @param {import('./index.mjs').QueryOptions & { query?: unknown }} options
 * @param {Function} ask
 */
async function bounded(address, { query, signal, timeout = 30_000, cacheBust = true, ...options }, ask) {
  const url = new URL(address, document.baseURI)
  // Proxies and browsers like to cache images, even without their CORS headers.
  const unique = cacheBust && /^http/.test(url.href) && `_=${Math.random()}`
  url.search = [url.search, query, unique].filter(Boolean).join('&')
  const over = new AbortController()
  /** @type {any} */
  let timer
  try {
    return await new Promise((resolve, reject) => {
      const stop = () => reject(signal?.reason)
      timer = setTimeout(() => reject(unreadable(0, `no image in time`)), Math.min(timeout, 2 ** 31 - 1))
      signal?.addEventListener('abort', stop, over)
      if (signal?.aborted) stop()
      else ask(url, options, over.signal).then(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
    // Ends what still runs, and takes the listener back.
    over.abort()
  }
}
