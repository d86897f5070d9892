import { unreadable, wrong } from './error.mjs'

/**
 * Runs `work` until it is done, aborted, or out of time; its own signal aborts at the end.
 * @param {any} options
 * @param {(signal: AbortSignal, options: any) => Promise<any>} work
 */
export async function bounded(options = {}, work) {
  const { signal, timeout = 30_000 } = Object(options)
  if (options !== Object(options) || (signal && !signal.addEventListener) || !(timeout >= 0)) {
    throw wrong('options must be an object, signal an AbortSignal, timeout ms')
  }
  const over = new AbortController()
  /** @type {any} */
  let timer
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    // A timer takes no more than 2 ** 31 - 1.
    timer = setTimeout(() => reject(unreadable(0, 'no image in time')), Math.min(timeout, 2e9))
    signal?.addEventListener('abort', stop, over)
    // An error of the browser has no code, or a number.
    const fail = (/** @type {any} */ error) => reject(/TEX/.test(error?.code) ? error : unreadable(error))
    if (signal?.aborted) stop()
    else work(over.signal, options).then(resolve, fail)
  }).finally(() => {
    clearTimeout(timer)
    // Ends what still runs, and takes the listener back.
    over.abort()
  })
}
