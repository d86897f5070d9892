'use strict'

/**
 * The calls that wait for ids of one handle, in their order.
 *
 * It knows how many ids they want and how long each has waited. All wait equally long, so they expire in their order.
 */

// Taken when the module loads: a test runner's fake timers replace the global ones later.
const { performance } = require('node:perf_hooks')
const { clearTimeout, setTimeout } = require('node:timers')
const now = performance.now.bind(performance)

/** Compact the queue after this many settled waiters. */
const MANY_SETTLED = 1000

/**
 * A call that waits.
 * @typedef {object} Waiter
 * @property {number} count ids wanted; 0 for `ready()`, which takes none
 * @property {(value: any) => void} resolve
 * @property {(reason: unknown) => void} reject
 * @property {number} since
 * @property {number} until when it has waited long enough
 * @property {boolean} many whether it wants an array
 * @property {boolean} settled
 * @property {AbortSignal} [signal]
 * @property {() => void} [onAbort]
 */

class Waiters {
  /** Calls that are not settled. */
  size = 0
  /** The ids that they want, and how many of them are `ready()`. */
  wanted = 0
  readies = 0
  /** The longest wait of a call that was served. */
  longest = 0

  /** Those before `#head` are settled. @type {Waiter[]} */
  #queue = []
  #head = 0
  #owner
  /** Keeps the process alive while a call waits. @type {NodeJS.Timeout | undefined} */
  #timer

  /** @param {{ expire(): void, askSoon(): void }} owner told when the time of the first one is over, and of aborts */
  constructor(owner) {
    this.#owner = owner
  }

  /**
   * Queues a call; `timeout` is the same for all.
   * @param {number} count
   * @param {boolean} many
   * @param {number} timeout
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  add(count, many, timeout, signal) {
    return new Promise((resolve, reject) => {
      const since = now()
      /** @type {Waiter} */
      const waiter = { count, many, resolve, reject, since, until: since + timeout, settled: false }
      if (signal) {
        waiter.signal = signal
        waiter.onAbort = () => {
          this.#settle(waiter)
          reject(signal.reason)
          this.#owner.askSoon()
          this.#compact()
        }
        signal.addEventListener('abort', waiter.onAbort, { once: true })
      }
      this.#queue.push(waiter)
      this.size++
      this.wanted += count
      if (count === 0) this.readies++
      if (this.#timer === undefined) this.#arm(timeout)
    })
  }

  /**
   * Serves the waiters in their order, as far as the ids go.
   * @param {(count: number) => boolean} enough whether so many are left
   * @param {(waiter: Waiter) => any} take what it gets
   */
  serve(enough, take) {
    const served = this.size > 0 ? now() : 0
    for (; this.size > 0; this.#head++) {
      const waiter = this.#queue[this.#head]
      if (waiter.settled) continue
      if (!enough(waiter.count)) return this.#compact()
      this.#settle(waiter)
      this.longest = Math.max(this.longest, served - waiter.since)
      waiter.resolve(take(waiter))
    }
    this.#clear()
  }

  /** @param {unknown} error */
  rejectAll(error) {
    for (; this.#head < this.#queue.length; this.#head++) {
      const waiter = this.#queue[this.#head]
      if (waiter.settled) continue
      this.#settle(waiter)
      waiter.reject(error)
    }
    this.#clear()
  }

  /**
   * Rejects the waiters whose time is over.
   * @param {() => unknown} late the error
   */
  expire(late) {
    const passed = now()
    /** @type {unknown} */
    let error
    for (; this.#head < this.#queue.length; this.#head++) {
      const waiter = this.#queue[this.#head]
      if (waiter.settled) continue
      const left = waiter.until - passed
      if (left > 0) return this.#arm(left)
      this.#settle(waiter)
      error ??= late()
      waiter.reject(error)
    }
    this.#clear()
  }

  /** No call waits any more. */
  #clear() {
    this.#queue = []
    this.#head = 0
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Keeps memory to the calls that wait, however many were served or aborted among them. */
  #compact() {
    const settled = this.#queue.length - this.size
    if (settled < MANY_SETTLED || settled < this.size) return
    this.#queue = this.#queue.filter((waiter) => !waiter.settled)
    this.#head = 0
  }

  /** @param {Waiter} waiter */
  #settle(waiter) {
    waiter.settled = true
    this.size--
    this.wanted -= waiter.count
    if (waiter.count === 0) this.readies--
    if (waiter.onAbort) waiter.signal?.removeEventListener('abort', waiter.onAbort)
  }

  /** @param {number} ms */
  #arm(ms) {
    this.#timer = setTimeout(expire, Math.ceil(ms), this.#owner)
  }
}

/** @param {{ expire(): void }} owner */
function expire(owner) {
  owner.expire()
}

module.exports = { Waiters }
