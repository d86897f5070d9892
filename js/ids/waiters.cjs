'use strict'

/**
 * The calls that wait for ids of one handle, in their order.
 *
 * It knows how many ids they want and how long each has waited. All wait equally long, so they
 * expire in their order.
 */

// Taken when the module loads: a test runner's fake timers replace the global ones later.
const { performance } = require('node:perf_hooks')
const { clearTimeout, setTimeout } = require('node:timers')
const now = performance.now.bind(performance)

/** Compact the queue after this many settled waiters. */
const MANY_SETTLED = 1000

/** The least time between two looks at all deadlines, in milliseconds. */
const MIN_PAUSE = 5

/**
 * A call that waits.
 * @typedef {object} Waiter
 * @property {number} count ids wanted; 0 for `ready()`, which takes none
 * @property {(value: any) => void} resolve
 * @property {(reason: unknown) => void} reject
 * @property {number} since
 * @property {boolean} many whether it wants an array
 * @property {boolean} settled
 * @property {AbortSignal} [signal]
 * @property {() => void} [onAbort]
 */

/** Of all handles of this thread, those with calls that wait. @type {Set<Waiters>} */
const waiting = new Set()
/**
 * Keeps the process alive while a call waits; one for all handles.
 * @type {NodeJS.Timeout | undefined}
 */
let timer
/** When the timer runs out. */
let due = Number.POSITIVE_INFINITY

/** @param {number} at */
function arm(at) {
  if (at >= due) return
  clearTimeout(timer)
  due = at
  timer = setTimeout(expire, Math.max(Math.ceil(at - now()), MIN_PAUSE))
}

function disarm() {
  clearTimeout(timer)
  timer = undefined
  due = Number.POSITIVE_INFINITY
}

/** The time of some calls is over. */
function expire() {
  disarm()
  for (const waiters of waiting) waiters.expireIfDue(now())
  for (const waiters of waiting) arm(waiters.deadline)
}

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
  #timeout

  /**
   * @param {{ expire(): void, askSoon(): void }} owner told when the time of the first one is over,
   *   and of aborts
   * @param {number} timeout milliseconds that each call waits at the most
   */
  constructor(owner, timeout) {
    this.#owner = owner
    this.#timeout = timeout
  }

  /** When the time of the first call is over. */
  get deadline() {
    return this.#queue[this.#head].since + this.#timeout
  }

  /**
   * @param {number} count
   * @param {boolean} many
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  add(count, many, signal) {
    return new Promise((resolve, reject) => {
      /** @type {Waiter} */
      const waiter = { count, many, resolve, reject, since: now(), settled: false }
      if (signal) {
        waiter.signal = signal
        waiter.onAbort = () => {
          this.#settle(waiter)
          reject(signal.reason)
          this.#owner.askSoon()
          if (this.size === 0) this.#clear()
          else this.#compact()
        }
        signal.addEventListener('abort', waiter.onAbort, { once: true })
      }
      // An array of one takes less memory than one that grew.
      if (this.#queue.length === 0) this.#queue = [waiter]
      else this.#queue.push(waiter)
      this.size++
      this.wanted += count
      if (count === 0) this.readies++
      if (this.size === 1) {
        waiting.add(this)
        arm(waiter.since + this.#timeout)
      }
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

  /** @param {number} time */
  expireIfDue(time) {
    if (this.deadline <= time) this.#owner.expire()
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
      if (waiter.since + this.#timeout > passed) return
      this.#settle(waiter)
      error ??= late()
      waiter.reject(error)
    }
    this.#clear()
  }

  /** No call waits any more. */
  #clear() {
    if (this.#queue.length > 0) this.#queue = []
    this.#head = 0
    if (waiting.delete(this) && waiting.size === 0) disarm()
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
}

module.exports = { Waiters }
