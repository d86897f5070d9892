'use strict'

/**
 * A handle on a sequence: a cursor over leased ranges.
 *
 * The ids in hand are handed out here, without a call into native code. A lease that is used up is
 * followed by the next one, in the same turn while the pool has ids; only when it has none does a
 * caller wait.
 */

// Taken when the module loads: a test runner's fake timers replace the global ones later.
const { performance } = require('node:perf_hooks')
const { clearTimeout, setTimeout } = require('node:timers')
const { checkInteger, checkOptions, checkSignal, isObject } = require('../arguments.cjs')
const { TexampleError, fromNative, wrongType } = require('../errors.cjs')
const { abandonHandle, onNews, openHandle, takeNews } = require('./handles.cjs')
const { Ranges } = require('./ranges.cjs')
const { Waiters } = require('./waiters.cjs')

const now = performance.now.bind(performance)
const { nextTick } = process

const NEXT_OPTIONS = new Set(['signal'])

/** Bits of the first element of what the native half leases. */
const FAILED = 1n
const REVOKED = 2n

/** Longer than the native half takes for its claim under way and the give-back, each bounded. */
const CLOSE_MS = 15_000

/** Sequences that request ids at the end of this turn. @type {Sequence[]} */
const asking = []

class Sequence {
  static {
    onNews((sequence) => sequence.#wake())
  }

  /** The native half, shared by the handles of this thread, and the key of this one in it. */
  #handles
  #key
  #bigint
  #timeout
  #maxWaiters

  /**
   * The cursor. It is empty while a call waits: what is in hand is then in `#ranges`, for the first
   * waiter.
   */
  /** @type {any} */
  #at
  /** @type {any} */
  #end

  /** What is in hand behind the cursor. */
  #ranges
  #waiters
  #asking = false

  /** The flags of the last lease that were not looked at. */
  #flags = 0n

  /** Ids leased so far, and those of them that were dropped. */
  #leased = 0
  #lost = 0
  #waits = 0
  /** No number is left; set once. */
  #exhausted = false

  /** @type {Promise<void> | undefined} */
  #closed
  /** @type {(() => void) | undefined} */
  #onClosed
  /** @type {any} */
  #lastStats
  /** @type {string | undefined} */
  #lastLabel

  /** @param {import('./options.cjs').Options & { name: string }} options checked */
  constructor(options) {
    const { handles, key } = openHandle(this, options)
    this.#handles = handles
    this.#key = key
    this.#bigint = options.bigint
    this.#ranges = new Ranges(options.bigint)
    this.#timeout = options.timeout
    this.#waiters = new Waiters(this, options.timeout)
    this.#maxWaiters = options.maxWaiters
    this.#at = this.#end = this.#bigint ? 0n : 0
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
    let signal
    try {
      signal = signalOf(options)
    } catch (error) {
      return Promise.reject(error)
    }
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#refill(1)) return Promise.resolve(this.#at++)
    return this.#wait(1, false, signal)
  }

  /** @param {number} count */
  nextIds(count) {
    try {
      this.#assertOpen()
      checkInteger('count', count, 1, this.#handles.maxStep(this.#key), ' (maxStep)')
    } catch (error) {
      return Promise.reject(error)
    }
    if (this.#refill(count)) {
      this.#stash()
      const ids = this.#ranges.takeMany(count)
      this.#load()
      return Promise.resolve(ids)
    }
    return this.#wait(count, true)
  }

  nextIdSync() {
    if (this.#at < this.#end) return this.#at++
    if (this.#refill(1)) return this.#at++
    this.#assertOpen()
    const begun = now()
    this.#waits++
    let revoked = true
    while (revoked) {
      // Earlier waiters come first.
      const missing = this.#waiters.wanted + 1 - this.#ranges.count
      const left = Math.max(this.#timeout - (now() - begun), 0)
      revoked = this.#accept(this.#handles.requestBlocking(this.#key, missing, left))
    }
    this.#waiters.longest = Math.max(this.#waiters.longest, now() - begun)
    const error = this.#failure()
    if (this.#ranges.count < this.#waiters.wanted + 1) {
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
    const pool = this.#handles.stats(this.#key) ?? this.#lastStats
    const inHand = this.#ranges.count + Number(this.#end - this.#at)
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
      maxWaitMs: this.#waiters.longest,
    }
  }

  /** Calls that wait for an id. */
  get waiting() {
    return this.#waiters.size
  }

  close() {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose]() {
    return this.close()
  }

  async #close() {
    this.#waiters.rejectAll(this.#closedError())
    this.#stash()
    const unused = BigInt64Array.from(this.#ranges.bounds, BigInt)
    this.#lost += this.#ranges.clear()
    if (!this.#handles.close(this.#key, unused)) {
      await /** @type {Promise<void>} */ (
        new Promise((resolve) => {
          const timer = setTimeout(resolve, CLOSE_MS)
          this.#onClosed = () => {
            if (!this.#handles.isClosed(this.#key)) return
            clearTimeout(timer)
            resolve()
          }
          this.#onClosed()
        })
      )
    }
    this.#lastStats = this.#handles.stats(this.#key)
    this.#lastLabel = this.#label
    // Its last claims are published before it is gone.
    takeNews()
    abandonHandle(this, this.#key)
  }

  /**
   * Whether `count` ids are in hand and no call waits for them; the cursor is not empty then.
   * @param {number} count
   */
  #refill(count) {
    if (this.#waiters.size > 0 || this.#closed) return false
    this.#stash()
    if (this.#ranges.count < count && !this.#exhausted)
      this.#accept(this.#handles.tryRequest(this.#key, count - this.#ranges.count))
    const enough = this.#ranges.count >= count
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
    // No number is left, or the last request was refused.
    const error = this.#failure()
    if (error) return Promise.reject(error)
    if (this.#waiters.size >= this.#maxWaiters) {
      const message = `${this.#waiters.size} callers wait for ids of ${this.#label} already (maxWaiters)`
      return Promise.reject(new TexampleError('ERR_TEXAMPLE_TOO_MANY_WAITERS', message))
    }
    this.#stash()
    this.#waits++
    this.askSoon()
    return this.#waiters.add(count, many, signal)
  }

  /**
   * Once for all calls of this turn: a burst is one claim. Also called by the waiters when one is
   * aborted.
   */
  askSoon() {
    if (this.#asking) return
    this.#asking = true
    asking.push(this)
    // Not queueMicrotask, which fake timers replace.
    if (asking.length === 1) Promise.resolve().then(Sequence.#askAll)
  }

  static #askAll() {
    for (const sequence of asking.splice(0)) {
      sequence.#asking = false
      sequence.#ask()
    }
  }

  /** Requests what is lacking, and hands out what there is. */
  #ask() {
    if (this.#closed) return
    // `ready()` wants one id to be left, although it takes none.
    const wanted = this.#waiters.wanted + (this.#waiters.readies > 0 ? 1 : 0)
    this.#accept(this.#handles.request(this.#key, Math.max(wanted - this.#ranges.count, 0)))
    this.#serveOrReject(this.#failure())
  }

  /**
   * Ids that came before a failure are still good: it rejects the waiters that they do not suffice
   * for.
   * @param {unknown} error
   */
  #serveOrReject(error) {
    this.#serve()
    if (error !== undefined && this.#waiters.size > 0) this.#waiters.rejectAll(error)
  }

  /** The native half has something for this sequence. */
  #wake() {
    if (this.#closed) this.#onClosed?.()
    else this.#ask()
  }

  /**
   * @param {bigint[] | null} lease flags, then starts and ends
   * @returns {boolean} whether ids in hand were dropped without an error: more is lacking than was
   * requested
   */
  #accept(lease) {
    if (lease === null) return false
    const flags = lease[0]
    this.#flags |= flags
    if (flags & REVOKED) {
      this.#stash()
      this.#lost += this.#ranges.clear()
    }
    for (let i = 1; i < lease.length; i += 2) this.#add(lease[i], lease[i + 1])
    return (flags & (REVOKED | FAILED)) === REVOKED
  }

  /**
   * @param {bigint} start
   * @param {bigint} end
   */
  #add(start, end) {
    this.#leased += Number(end - start)
    const lost = this.#ranges.add(start, end)
    this.#lost += lost
    // What is in hand is still handed out; no later lease has a number in it.
    if (lost > 0) this.#exhausted = true
  }

  /** Why no waiter is served, if the last lease said so. */
  #failure() {
    const failed = this.#flags & FAILED
    this.#flags = 0n
    if (failed) {
      try {
        this.#handles.raise(this.#key)
      } catch (error) {
        return fromNative(error)
      }
    }
    return this.#exhausted ? this.#exhaustedError() : undefined
  }

  /** Serves the waiters, and opens the cursor when none is left. */
  #serve() {
    this.#waiters.serve(
      // `ready()` wants one to be left.
      (count) => this.#ranges.count >= Math.max(count, 1),
      ({ count, many }) => (many ? this.#ranges.takeMany(count) : count && this.#ranges.takeOne()),
    )
    if (this.#waiters.size === 0) this.#load()
  }

  /** Called by the waiters when the time of the first one is over. */
  expire() {
    // The loop may have been blocked, with the ids here in time.
    this.#ask()
    this.#waiters.expire(() => this.#late())
    this.#ask()
  }

  /** Puts what the cursor has left before the ranges behind it. */
  #stash() {
    if (this.#at < this.#end) {
      this.#ranges.putBack(this.#at, this.#end)
      this.#at = this.#end
    }
  }

  /** Puts the first range under the cursor. */
  #load() {
    if (this.#ranges.count === 0 || this.#at < this.#end) return
    ;[this.#at, this.#end] = this.#ranges.takeRange()
  }

  get #label() {
    return this.#lastLabel ?? this.#handles.label(this.#key)
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

  #late() {
    const within = `no id of ${this.#label} within ${this.#timeout} ms`
    try {
      this.#handles.raiseLast(this.#key)
    } catch (error) {
      const last = fromNative(error)
      return new TexampleError('ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE', `${within}: ${last.message}`, last.cause ?? last)
    }
    return new TexampleError('ERR_TEXAMPLE_SEQUENCE_TIMEOUT', within)
  }
}

/**
 * @param {any} options
 * @returns {AbortSignal | undefined}
 */
function signalOf(options) {
  if (options === undefined) return undefined
  if (!isObject(options)) throw wrongType('options', 'an object or a function', options)
  checkOptions('options', options, NEXT_OPTIONS)
  const { signal } = options
  if (signal !== undefined) checkSignal('options.signal', signal)
  return signal
}

/**
 * Calls back in a turn of its own: what it throws is an uncaught exception, and no other call's
 * error.
 * @param {Promise<any>} promise
 * @param {(error: Error | null, id?: any) => void} callback
 */
function callLater(promise, callback) {
  promise.then(
    (id) => nextTick(callback, null, id),
    (error) => nextTick(callback, error),
  )
}

module.exports = { Sequence, callLater }
