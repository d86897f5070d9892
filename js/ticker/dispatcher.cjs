'use strict'

/** Delivers what a ticking thread posts: the loop between the native queue and a callback. */

const { AsyncResource } = require('node:async_hooks')
const { performance } = require('node:perf_hooks')
const addon = require('../native/loader.cjs')
const { fromNative } = require('../errors.cjs')

/** @typedef {import('./options.cjs').Options} Options */

/** Taken at load, so that a test's fake clock does not reach in here. */
const now = performance.now.bind(performance)

/** What `tickerTake` answers when nothing more will come. */
const END = -1

/** The most ticks taken at once. */
const MAX_CHUNK = 8192
/** Chunks start small: most tickers never have more than one tick waiting. */
const FIRST_CHUNK = 16
/** Ticks of a smaller queue are taken one by one, so that it is never half lent out. */
const MIN_LENDING_CAPACITY = 32

/**
 * A ticking thread and the delivery of its ticks.
 *
 * The native half references this until the thread was joined; nothing in here refers to the
 * public `Ticker`, which may be collected before.
 */
class Dispatcher {
  /** @type {any} The native half; absent when the signal had aborted before the start. */
  #native
  /** @type {(value: any) => void} */
  #callback
  #interval
  #batch
  /** Ticks are taken ahead, and count against the capacity until the last of them is delivered. */
  #lend
  #maxChunk
  /** Ticks that were taken; those from `#at` to `#end` are still to be delivered. */
  #chunk
  #at = 0
  #end = 0
  /** Ticks that were taken and not delivered. */
  #dropped = 0
  #maxLag = 0
  /** `performance.now()` of the start: tick i is due `(i + 1) * interval` later. */
  #origin
  #stopped = false
  #referenced = true
  /** @type {Error | null} */
  #error = null
  /** @type {AbortSignal | undefined} */
  #signal
  #onAbort = () => this.stop()
  /** Callbacks run in the async context of `start()`, whichever thread woke the loop. */
  #context = new AsyncResource('TexampleTicker', { requireManualDestroy: true })
  /** @type {() => void} */
  #resolve = () => {}
  /** @type {(error: Error) => void} */
  #reject = () => {}
  /** @type {Promise<void>} */
  done = new Promise((resolve, reject) => {
    this.#resolve = resolve
    this.#reject = reject
  })

  /**
   * @param {((value: any) => void) | undefined} callback
   * @param {Options} options
   * @param {any} texample whose `callback` is looked up at every tick if none is given
   */
  constructor(callback, { interval, count, capacity, overflow, signal, batch }, texample) {
    this.#callback = callback ?? this.#lookUp(texample)
    this.#interval = interval
    this.#batch = batch
    // A policy that drops must see all that waits, so nothing is taken ahead from under it.
    this.#lend = !batch && overflow === 'block' && capacity >= MIN_LENDING_CAPACITY
    this.#maxChunk = Math.min(MAX_CHUNK, batch ? capacity : this.#lend ? capacity >> 1 : 1)
    this.#chunk = new Float64Array(Math.min(FIRST_CHUNK, this.#maxChunk))
    this.#origin = now()
    if (signal?.aborted) {
      this.#stopped = true
      this.#settle()
      return
    }
    try {
      this.#native = addon.tickerStart({ interval, count, capacity, overflow }, () => {
        this.#context.runInAsyncScope(this.#drain, this)
      })
    } catch (error) {
      throw fromNative(error)
    }
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  stop() {
    if (this.#stopped) return
    this.#stopped = true
    this.#dropped += this.#end - this.#at
    this.#at = this.#end
    addon.tickerStop(this.#native)
  }

  /** @param {boolean} keepAlive */
  setRef(keepAlive) {
    this.#referenced = keepAlive
    if (this.#native !== undefined) addon.tickerSetRef(this.#native, keepAlive)
  }

  hasRef() {
    return this.#referenced
  }

  stats() {
    const queue = this.#native === undefined ? NOTHING : addon.tickerStats(this.#native)
    const inHand = this.#end - this.#at
    return {
      posted: queue.posted,
      delivered: queue.taken - inHand - this.#dropped,
      dropped: queue.dropped + this.#dropped,
      wakeups: queue.wakeups,
      queued: queue.waiting + inHand,
      maxQueued: queue.maxWaiting,
      // Ticks without an interval are due when they are made.
      maxLagMs: this.#interval === 0 ? queue.longestWaitMs : this.#maxLag,
      error: this.#error,
    }
  }

  /** Called by the native half, in its own turn of the event loop. */
  #drain() {
    // A callback threw in the middle of a chunk: the rest comes first.
    if (this.#at < this.#end) {
      if (!addon.tickerHasTime(this.#native)) return
      this.#deliver()
    }
    for (;;) {
      // A batch was transferred away.
      if (this.#chunk.length === 0) this.#chunk = new Float64Array(FIRST_CHUNK)
      const taken = addon.tickerTake(this.#native, this.#chunk, this.#lend)
      if (taken > 0) {
        this.#at = 0
        this.#end = taken
        this.#deliver()
        if (taken === this.#chunk.length) this.#grow()
      } else {
        if (taken === END) this.#settle()
        return
      }
    }
  }

  /**
   * `#at` is ahead of every call, so that nothing is delivered twice when the callback throws, and
   * `stop()` ends the loop.
   */
  #deliver() {
    const callback = this.#callback
    const chunk = this.#chunk
    if (this.#batch) {
      const { length } = chunk
      const ticks = this.#end === length ? chunk : chunk.subarray(0, this.#end)
      if (this.#interval > 0) this.#late(ticks[0])
      this.#at = this.#end
      callback(ticks)
    } else if (this.#interval > 0) {
      while (this.#at < this.#end) {
        const tick = chunk[this.#at++]
        this.#late(tick)
        callback(tick)
      }
    } else {
      while (this.#at < this.#end) callback(chunk[this.#at++])
    }
  }

  /** @param {number} tick */
  #late(tick) {
    const lag = now() - this.#origin - (tick + 1) * this.#interval
    if (lag > this.#maxLag) this.#maxLag = lag
  }

  #grow() {
    const length = Math.min(this.#chunk.length * 2, this.#maxChunk)
    if (length > this.#chunk.length && this.#chunk.length > 0) this.#chunk = new Float64Array(length)
  }

  /** Nothing more will come. */
  #settle() {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#stopped = true
    try {
      if (this.#native !== undefined) addon.tickerEnd(this.#native)
      this.#resolve()
    } catch (error) {
      this.#error = fromNative(error)
      this.#reject(fromNative(error))
    }
    this.#context.emitDestroy()
  }

  /** @param {any} texample */
  #lookUp(texample) {
    /** @param {any} value a tick, or a batch of them */
    return (value) => {
      const { callback } = texample
      if (typeof callback === 'function') callback.call(texample, value)
      else this.#dropped += this.#batch ? value.length : 1
    }
  }
}

const NOTHING = Object.freeze({
  posted: 0,
  taken: 0,
  dropped: 0,
  wakeups: 0,
  waiting: 0,
  maxWaiting: 0,
  longestWaitMs: 0,
})

module.exports = { Dispatcher, END }
