'use strict'

/**
 * The calls that wait for ids of one handle, in their order.
 *
 * It knows how many ids they want and how long each has waited. All wait equally long, so they expire in their order.
 */

/** Calls that are over are let go of when so many stand among those that wait. */
const MANY_OVER = 1000

/**
 * A call that waits.
 * @typedef {object} Waiter
 * @property {number} count ids wanted; 0 for `ready()`, which takes none
 * @property {(value: any) => void} resolve
 * @property {(reason: unknown) => void} reject
 * @property {number} since
 * @property {number} until when it has waited long enough
 * @property {boolean} many whether it wants an array
 * @property {boolean} over served, or gone
 * @property {AbortSignal} [signal]
 * @property {() => void} [onAbort]
 */

class WaitingLine {
  /** Calls that are not over. */
  size = 0
  /** The ids that they want, and how many of them are `ready()`. */
  wanted = 0
  readies = 0
  /** How long anybody waited who was served, at the most. */
  longest = 0

  /** Those before `#head` are over. @type {Waiter[]} */
  #waiters = []
  #head = 0
  #onExpire
  /** Keeps the process alive while somebody waits. @type {NodeJS.Timeout | undefined} */
  #timer

  /** @param {() => void} onExpire called when the time of the first one is over */
  constructor(onExpire) {
    this.#onExpire = onExpire
  }

  /**
   * Queues a call; `timeout` is the same for all.
   * @param {{ count: number, many: boolean, signal?: AbortSignal, timeout: number, onAbort: () => void }} call
   * @returns {Promise<any>}
   */
  join({ count, many, signal, timeout, onAbort }) {
    return new Promise((resolve, reject) => {
      const since = performance.now()
      /** @type {Waiter} */
      const waiter = { count, many, resolve, reject, since, until: since + timeout, over: false }
      if (signal) {
        waiter.signal = signal
        waiter.onAbort = () => {
          this.#settle(waiter)
          reject(signal.reason)
          onAbort()
          this.#compact()
        }
        signal.addEventListener('abort', waiter.onAbort, { once: true })
      }
      this.#waiters.push(waiter)
      this.size++
      this.wanted += count
      if (count === 0) this.readies++
      if (this.#timer === undefined) this.#arm(timeout)
    })
  }

  /**
   * Serves those who wait in their order, as far as the ids go.
   * @param {(count: number) => boolean} enough whether so many are left
   * @param {(waiter: Waiter) => any} take what it gets
   */
  serve(enough, take) {
    const now = this.size > 0 ? performance.now() : 0
    for (; this.size > 0; this.#head++) {
      const waiter = this.#waiters[this.#head]
      if (waiter.over) continue
      if (!enough(waiter.count)) return this.#compact()
      this.#settle(waiter)
      this.longest = Math.max(this.longest, now - waiter.since)
      waiter.resolve(take(waiter))
    }
    this.#clear()
  }

  /** @param {unknown} error */
  rejectAll(error) {
    for (; this.#head < this.#waiters.length; this.#head++) {
      const waiter = this.#waiters[this.#head]
      if (waiter.over) continue
      this.#settle(waiter)
      waiter.reject(error)
    }
    this.#clear()
  }

  /**
   * Rejects those whose time is over.
   * @param {() => unknown} late why
   */
  expire(late) {
    const now = performance.now()
    /** @type {unknown} */
    let error
    for (; this.#head < this.#waiters.length; this.#head++) {
      const waiter = this.#waiters[this.#head]
      if (waiter.over) continue
      const left = waiter.until - now
      if (left > 0) return this.#arm(left)
      this.#settle(waiter)
      error ??= late()
      waiter.reject(error)
    }
    this.#clear()
  }

  /** Nobody waits any more. */
  #clear() {
    this.#waiters = []
    this.#head = 0
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Keeps memory to those who wait, however many calls were served or aborted among them. */
  #compact() {
    const over = this.#waiters.length - this.size
    if (over < MANY_OVER || over < this.size) return
    this.#waiters = this.#waiters.filter((waiter) => !waiter.over)
    this.#head = 0
  }

  /** @param {Waiter} waiter */
  #settle(waiter) {
    waiter.over = true
    this.size--
    this.wanted -= waiter.count
    if (waiter.count === 0) this.readies--
    if (waiter.onAbort) waiter.signal?.removeEventListener('abort', waiter.onAbort)
  }

  /** @param {number} ms */
  #arm(ms) {
    this.#timer = setTimeout(this.#onExpire, Math.ceil(ms))
  }
}

module.exports = { WaitingLine }
