'use strict'

/** Ticks as an async iterator: each is taken from the queue when it is asked for. */

const addon = require('../native/loader.cjs')
const { END } = require('./dispatcher.cjs')
const { fromNative } = require('../errors.cjs')

/** @typedef {import('./options.cjs').TicksOptions} Options */
/**
 * @typedef {{ resolve: (result: IteratorResult<number, any>) => void, reject: (error: unknown) =>
 * void }} Asker
 */

/** As `node:timers/promises` rejects. */
class AbortError extends Error {
  code = 'ABORT_ERR'

  /** @param {unknown} reason */
  constructor(reason) {
    super('The operation was aborted', { cause: reason })
  }

  get name() {
    return 'AbortError'
  }
}

class Ticks {
  #options
  /** @type {any} The native half, from the first `next()` on. */
  #native
  #started = false
  #ended = false
  /** @type {{ error: unknown } | undefined} An error that the next `next()` rejects with. */
  #failure
  /** @type {Asker[]} Calls of `next()` without an answer yet, in order. */
  #askers = []
  #cell = new Float64Array(1)
  #onAbort = () => this.#close({ error: new AbortError(this.#options.signal?.reason) })

  /** @param {Options} options */
  constructor(options) {
    this.#options = options
  }

  /** @returns {Promise<IteratorResult<number, any>>} */
  next() {
    return new Promise((resolve, reject) => {
      this.#askers.push({ resolve, reject })
      this.#start()
      if (this.#ended) this.#refuse()
      else if (this.#askers.length === 1) this.#pull()
    })
  }

  /**
   * Ends the thread; a `next()` that waits gets no tick.
   * @param {any} [value]
   * @returns {Promise<IteratorResult<number, any>>}
   */
  async return(value) {
    this.#close(undefined)
    return { done: true, value }
  }

  /**
   * @param {unknown} error
   * @returns {Promise<IteratorResult<number, any>>}
   */
  async throw(error) {
    this.#close(undefined)
    throw error
  }

  [Symbol.asyncIterator]() {
    return this
  }

  async [Symbol.asyncDispose]() {
    this.#close(undefined)
  }

  #start() {
    if (this.#started || this.#ended) return
    this.#started = true
    const { interval, count, capacity, overflow, signal, ref } = this.#options
    if (signal?.aborted) return this.#onAbort()
    try {
      this.#native = addon.tickerStart({ interval, count, capacity, overflow }, () => this.#pull())
    } catch (error) {
      return this.#close({ error: fromNative(error) })
    }
    if (!ref) addon.tickerSetRef(this.#native, false)
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Takes a tick for each asker. Without an asker ticks wait in the queue and its policy holds. */
  #pull() {
    while (this.#askers.length > 0 || this.#ended) {
      const taken = addon.tickerTake(this.#native, this.#cell, false)
      if (taken > 0) {
        this.#askers.shift()?.resolve({ done: false, value: this.#cell[0] })
      } else {
        if (taken === END) this.#join()
        return
      }
    }
  }

  /**
   * No tick is handed out from here on.
   * @param {{ error: unknown } | undefined} failure
   */
  #close(failure) {
    if (this.#ended) return
    this.#ended = true
    this.#failure = failure
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    if (this.#native !== undefined) {
      addon.tickerStop(this.#native)
      // A wake-up may have been left unanswered while there was no asker: then no other comes.
      this.#pull()
    }
    this.#refuse()
  }

  /** The first `next()` after a failure rejects with it, every other resolves as done. */
  #refuse() {
    for (const { resolve, reject } of this.#askers.splice(0)) {
      const failure = this.#failure
      this.#failure = undefined
      if (failure) reject(failure.error)
      else resolve({ done: true, value: undefined })
    }
  }

  #join() {
    /** @type {{ error: unknown } | undefined} */
    let failure
    try {
      addon.tickerEnd(this.#native)
    } catch (error) {
      failure = { error: fromNative(error) }
    }
    this.#close(failure)
  }
}

module.exports = { Ticks }
