'use strict'

/**
 * A handle on a sequence: a cursor over leased ranges.
 *
 * The ids in hand are handed out here, without a call into native code. A lease
 * that is used up is followed by the next one, in the same turn while the pool
 * has ids; only when it has none does a caller wait.
 */

const native = require('../native/loader.cjs')
const { TexampleError, fromNative, outOfRange, wrongType } = require('../errors.cjs')
const { observe } = require('./events.cjs')
const { WaitingLine } = require('./waiters.cjs')

/** Bits of the first element of what the native half leases. */
const FAILED = 1n
const REVOKED = 2n

/** One past the last id that a number holds exactly. */
const NUMBER_END = 2n ** 53n

/** Longer than the native half takes for its claim under way and the give-back, each bounded. */
const CLOSE_MS = 15_000

class Sequence {
  #port
  #bigint
  #timeout
  #maxWaiters
  #label

  /** The cursor. It is empty while anybody waits: what is in hand is then in `#ranges`, for those who came first. */
  /** @type {any} */
  #at
  /** @type {any} */
  #end

  /** Ranges behind the cursor, rising: starts and ends in turn. @type {any[]} */
  #ranges = []
  /** Ids in `#ranges`. */
  #held = 0

  /** Not made in the constructor: what `wake` closes over there must not hold the handle. */
  #line = new WaitingLine(() => this.#expire())
  #asking = false

  /** Ids leased so far, and those of them that nobody may have. */
  #leased = 0
  #lost = 0
  #waits = 0
  /** No number is left; set once. */
  #exhausted = false

  /** @type {Promise<void> | undefined} */
  #closed
  /** @type {(() => void) | undefined} */
  #onClosed
  /** @type {{ publish(): void, end(): void }} */
  #observer
  /** @type {any} */
  #lastStats

  /**
   * @param {{ url: string, collection: string, name: string, start?: number, step?: number, maxStep?: number,
   *   horizon?: number, timeout: number, maxWaiters: number, bigint: boolean }} options checked
   */
  constructor(options) {
    const { url, collection, name, start, step, maxStep, horizon } = options
    // The native half holds the callback for as long as it lives: it must not hold the handle.
    const self = new WeakRef(this)
    const wake = () => {
      const sequence = self.deref()
      if (sequence) sequence.#wake()
    }
    try {
      this.#port = new native.SequencePort(url, collection, name, start, step, maxStep, horizon, wake)
    } catch (error) {
      throw fromNative(error)
    }
    this.#label = this.#port.label()
    this.#bigint = options.bigint
    this.#timeout = options.timeout
    this.#maxWaiters = options.maxWaiters
    this.#at = this.#end = this.#bigint ? 0n : 0
    this.#observer = observe(this.#port, `${url}\n${this.#label}`, { name, collection, label: this.#label })
  }

  /**
   * @param {{ signal?: AbortSignal } | ((error: Error | null, id?: any) => void)} [options]
   * @returns {any}
   */
  nextId(options) {
    if (options === undefined && this.#at < this.#end) return Promise.resolve(this.#at++)
    if (typeof options === 'function') return callLater(this.nextId(), options)
    return this.#nextId(options)
  }

  /** @param {{ signal?: AbortSignal }} [options] */
  #nextId(options) {
    const signal = signalOf(options)
    if (signal instanceof Error) return Promise.reject(signal)
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#refill(1)) return Promise.resolve(this.#at++)
    return this.#wait(1, false, signal)
  }

  /** @param {number} count */
  nextIds(count) {
    if (typeof count !== 'number') return Promise.reject(wrongType('count', 'a number', count))
    const most = this.#port.maxStep
    if (!Number.isInteger(count) || count < 1 || count > most) {
      return Promise.reject(outOfRange('count', `an integer from 1 to ${most} (maxStep)`, count))
    }
    if (this.#refill(count)) {
      this.#stash()
      const ids = this.#takeMany(count)
      this.#load()
      return Promise.resolve(ids)
    }
    return this.#wait(count, true)
  }

  nextIdSync() {
    if (this.#at < this.#end) return this.#at++
    if (this.#refill(1)) return this.#at++
    this.#assertOpen()
    // Those who wait already come first.
    const missing = this.#line.wanted + 1 - this.#held
    const begun = performance.now()
    this.#waits++
    this.#accept(this.#port.requestBlocking(missing, this.#timeout))
    this.#line.longest = Math.max(this.#line.longest, performance.now() - begun)
    const error = this.#failure()
    if (this.#held < this.#line.wanted + 1) {
      if (error === undefined) this.#ask()
      else this.#serveOrReject(error)
      throw error ?? this.#late()
    }
    this.#serve()
    return this.#at++
  }

  ready() {
    if (this.#refill(1)) return Promise.resolve()
    return this.#wait(0, false)
  }

  stats() {
    const pool = this.#port.stats() ?? this.#lastStats
    const inHand = this.#held + Number(this.#end - this.#at)
    return {
      issued: this.#leased - this.#lost - inHand,
      claimed: pool.claimed,
      claims: pool.claims,
      waits: this.#waits,
      retries: pool.retries,
      errors: pool.errors,
      step: pool.step,
      inHand: pool.inHand + inHand,
      ratePerSecond: pool.ratePerSecond,
      maxWaitMs: this.#line.longest,
    }
  }

  /** Calls that wait for an id. */
  get waiting() {
    return this.#line.size
  }

  close() {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose]() {
    return this.close()
  }

  async #close() {
    this.#line.rejectAll(this.#closedError())
    this.#stash()
    const unused = BigInt64Array.from(this.#ranges, BigInt)
    this.#lost += this.#held
    this.#ranges = []
    this.#held = 0
    this.#observer.end()
    if (!this.#port.close(unused)) {
      await /** @type {Promise<void>} */ (
        new Promise((resolve) => {
          const timer = setTimeout(resolve, CLOSE_MS)
          this.#onClosed = () => {
            if (!this.#port.isClosed()) return
            clearTimeout(timer)
            resolve()
          }
          this.#onClosed()
        })
      )
    }
    this.#lastStats = this.#port.stats()
    this.#port.abandon()
  }

  /**
   * Whether `count` ids are in hand and nobody waits for them; the cursor is not empty then.
   * @param {number} count
   */
  #refill(count) {
    if (this.#line.size > 0 || this.#closed) return false
    this.#stash()
    if (this.#held < count && !this.#exhausted) this.#accept(this.#port.tryRequest(count - this.#held))
    const enough = this.#held >= count
    this.#load()
    return enough
  }

  /**
   * @param {number} count
   * @param {boolean} many
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  #wait(count, many, signal) {
    try {
      this.#assertOpen()
    } catch (error) {
      return Promise.reject(error)
    }
    // Refused for good, as when the counter went back: the pool says so at once.
    const error = this.#failure()
    if (error) return Promise.reject(error)
    if (this.#line.size >= this.#maxWaiters) {
      const message = `${this.#line.size} callers wait for ids of ${this.#label} already (maxWaiters)`
      return Promise.reject(new TexampleError('ERR_TEXAMPLE_TOO_MANY_WAITERS', message))
    }
    this.#stash()
    this.#waits++
    this.#askSoon()
    return this.#line.join({ count, many, signal, timeout: this.#timeout, onAbort: () => this.#askSoon() })
  }

  /** Once for all who call in this turn: a burst is one claim. */
  #askSoon() {
    if (this.#asking) return
    this.#asking = true
    queueMicrotask(() => {
      this.#asking = false
      this.#ask()
    })
  }

  /** Tells the pool what is lacking, and hands out what it gives. */
  #ask() {
    if (this.#closed) return
    // `ready()` wants one id to be left, although it takes none.
    const wanted = this.#line.wanted + (this.#line.readies > 0 ? 1 : 0)
    this.#accept(this.#port.request(Math.max(wanted - this.#held, 0)))
    this.#serveOrReject(this.#failure())
  }

  /**
   * Ids that came before a failure are still good: it is told to those for whom they do not suffice.
   * @param {unknown} error
   */
  #serveOrReject(error) {
    this.#serve()
    if (error !== undefined && this.#line.size > 0) this.#line.rejectAll(error)
  }

  /** The native half has something for us. */
  #wake() {
    this.#port.answer()
    this.#observer.publish()
    if (this.#closed) this.#onClosed?.()
    else this.#ask()
  }

  /** The flags of the last lease that were not looked at. */
  #flags = 0n

  /** @param {bigint[] | null} lease flags, then starts and ends */
  #accept(lease) {
    if (lease === null) return
    const flags = lease[0]
    this.#flags |= flags
    if (flags & REVOKED) {
      this.#stash()
      this.#lost += this.#held
      this.#ranges = []
      this.#held = 0
    }
    for (let i = 1; i < lease.length; i += 2) this.#add(lease[i], lease[i + 1])
  }

  /**
   * @param {bigint} start
   * @param {bigint} end
   */
  #add(start, end) {
    const count = Number(end - start)
    this.#leased += count
    if (this.#bigint) {
      this.#ranges.push(start, end)
      this.#held += count
      return
    }
    const usable = end < NUMBER_END ? end : NUMBER_END
    const kept = start < usable ? Number(usable - start) : 0
    if (kept > 0) this.#ranges.push(Number(start), Number(usable))
    this.#held += kept
    this.#lost += count - kept
    // What is in hand is still handed out; no later lease has a number in it.
    if (kept < count) this.#exhausted = true
  }

  /** Why nobody is served, if the last lease said so. */
  #failure() {
    const failed = this.#flags & FAILED
    this.#flags = 0n
    if (failed) {
      try {
        this.#port.raise()
      } catch (error) {
        return fromNative(error)
      }
    }
    return this.#exhausted ? this.#exhaustedError() : undefined
  }

  /** Serves those who wait, and opens the cursor when nobody does. */
  #serve() {
    this.#line.serve(
      // `ready()` wants one to be left.
      (count) => this.#held >= Math.max(count, 1),
      ({ count, many }) => (many ? this.#takeMany(count) : count && this.#takeOne()),
    )
    if (this.#line.size === 0) this.#load()
  }

  #expire() {
    // The loop may have been blocked, with the ids here in time.
    this.#ask()
    this.#line.expire(() => this.#late())
    this.#ask()
  }

  /** Puts what the cursor has left before the ranges behind it. */
  #stash() {
    if (this.#at < this.#end) {
      this.#ranges.unshift(this.#at, this.#end)
      this.#held += Number(this.#end - this.#at)
      this.#at = this.#end
    }
  }

  /** Puts the first range under the cursor. */
  #load() {
    if (this.#ranges.length === 0 || this.#at < this.#end) return
    this.#at = this.#ranges.shift()
    this.#end = this.#ranges.shift()
    this.#held -= Number(this.#end - this.#at)
  }

  #takeOne() {
    const id = this.#ranges[0]++
    this.#held--
    if (id + (this.#bigint ? /** @type {any} */ (1n) : 1) === this.#ranges[1]) this.#ranges.splice(0, 2)
    return id
  }

  /** @param {number} count */
  #takeMany(count) {
    const ids = this.#bigint ? new BigInt64Array(count) : new Float64Array(count)
    this.#held -= count
    for (let filled = 0; filled < count; ) {
      const [start, end] = this.#ranges
      const run = Math.min(Number(end - start), count - filled)
      fill(ids, filled, start, run)
      filled += run
      if (run === Number(end - start)) this.#ranges.splice(0, 2)
      else this.#ranges[0] = start + (this.#bigint ? /** @type {any} */ (BigInt(run)) : run)
    }
    return ids
  }

  #assertOpen() {
    if (this.#closed) throw this.#closedError()
    if (this.#exhausted) throw this.#exhaustedError()
  }

  #closedError() {
    return new TexampleError('ERR_TEXAMPLE_SEQUENCE_CLOSED', `the handle on ${this.#label} is closed`)
  }

  #exhaustedError() {
    const message = `${this.#label} has passed 2^53 - 1, the last exact number; open it with { bigint: true }`
    return new TexampleError('ERR_TEXAMPLE_SEQUENCE_EXHAUSTED', message)
  }

  /** Why somebody waited in vain. */
  #late() {
    const within = `no id of ${this.#label} within ${this.#timeout} ms`
    try {
      this.#port.raiseLast()
    } catch (error) {
      const last = fromNative(error)
      return new TexampleError('ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE', `${within}: ${last.message}`, last.cause ?? last)
    }
    return new TexampleError('ERR_TEXAMPLE_SEQUENCE_TIMEOUT', within)
  }
}

/**
 * @param {any} ids
 * @param {number} from
 * @param {any} start
 * @param {number} count
 */
function fill(ids, from, start, count) {
  let id = start
  for (let i = from; i < from + count; i++) ids[i] = id++
}

/**
 * @param {{ signal?: AbortSignal } | undefined} options
 * @returns {AbortSignal | undefined | Error}
 */
function signalOf(options) {
  if (options === undefined) return undefined
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return wrongType('options', 'an object or a function', options)
  }
  const { signal } = options
  if (signal === undefined || isSignal(signal)) return signal
  return wrongType('options.signal', 'an AbortSignal', signal)
}

/** @param {any} value */
function isSignal(value) {
  return (
    typeof value === 'object' && value !== null && 'aborted' in value && typeof value.addEventListener === 'function'
  )
}

/**
 * Calls back in a turn of its own: what it throws is an uncaught exception, and nobody else's error.
 * @param {Promise<any>} promise
 * @param {(error: Error | null, id?: any) => void} callback
 */
function callLater(promise, callback) {
  promise.then(
    (id) => process.nextTick(callback, null, id),
    (error) => process.nextTick(callback, error),
  )
}

module.exports = { Sequence, callLater }
