'use strict'

/**
 * Many sequences of one database by name: each opens at its first use and closes when it is idle.
 */

// Taken when the module loads: a test runner's fake timers replace the global ones.
const { clearInterval, setInterval } = require('node:timers')
const native = require('../native/loader.cjs')
const { checkBoolean, checkInteger, checkName, checkOptions } = require('../arguments.cjs')
const { TexampleError, fromNative, outOfRange, wrongType } = require('../errors.cjs')
const { ask } = require('./handles.cjs')
const { Sequence } = require('./sequence.cjs')

/** How often an idle time is sampled: a sequence closes at most a quarter of it late. */
const SWEEPS_PER_IDLE_TIME = 4

const MAX_INT64 = 2n ** 63n - 1n
const SET_OPTIONS = new Set(['force'])

/**
 * @typedef {object} Entry
 * @property {InstanceType<typeof Sequence>} sequence
 * @property {number} sweeps since the last draw
 */

class Store {
  #options
  #idle
  /** Keeps what the native half knows of sequences that were closed. */
  #hold

  /** @type {Map<string, Entry>} */
  #entries = new Map()
  /**
   * Sequences that are no longer in `#entries`, until they are closed.
   * @type {Set<InstanceType<typeof Sequence>>}
   */
  #retired = new Set()
  /**
   * Runs while sequences are open; never keeps the process alive.
   * @type {NodeJS.Timeout | undefined}
   */
  #sweeper
  /** Calls of `read` and `set` that have no answer yet. */
  #asking = 0
  /** @type {Promise<void> | undefined} */
  #closed

  /** @param {import('./options.cjs').Options & { idle: number }} options checked */
  constructor({ idle, ...options }) {
    this.#options = options
    this.#idle = idle
    try {
      // An unusable URL fails here, not at the first draw.
      this.#hold = new native.StoreHold(options.url)
    } catch (error) {
      throw fromNative(error)
    }
  }

  /**
   * @param {any} name
   * @param {any} [options]
   * @returns {Promise<any>}
   */
  nextId(name, options) {
    try {
      if (typeof options === 'function') throw wrongType('options', 'an object', options)
      return this.#draw(name).nextId(options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * @param {any} name
   * @param {any} count
   * @returns {Promise<any>}
   */
  nextIds(name, count) {
    try {
      return this.#draw(name).nextIds(count)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * @param {any} name
   * @returns {Promise<number | bigint | undefined>}
   */
  async read(name) {
    checkName('sequence', name)
    this.#assertOpen()
    const next = await this.#ask(name, (handles, url, collection) => handles.readIndex(url, collection, name))
    if (next === undefined) return undefined
    return this.#options.bigint || next > Number.MAX_SAFE_INTEGER ? next : Number(next)
  }

  /**
   * @param {any} name
   * @param {any} next
   * @param {any} [options]
   * @returns {Promise<void>}
   */
  async set(name, next, options = {}) {
    checkName('sequence', name)
    const index = BigInt64Array.of(toInt64('next', next))
    checkOptions('options', options, SET_OPTIONS)
    const { force = false } = options
    checkBoolean('options.force', force)
    this.#assertOpen()
    await this.#ask(name, (handles, url, collection) => handles.setIndex(url, collection, name, index, force))
  }

  /**
   * Reads or sets an index without drawing from its sequence.
   * @param {string} name
   * @param {(handles: InstanceType<typeof native.SequenceHandles>, url: string, collection: string)
   *   => number} start returns the ticket of the answer
   */
  async #ask(name, start) {
    const { url, collection, timeout, maxWaiters } = this.#options
    if (this.#asking >= maxWaiters) {
      const message = `${this.#asking} calls of read and set wait already (maxWaiters)`
      throw new TexampleError('ERR_TEXAMPLE_TOO_MANY_WAITERS', message)
    }
    this.#asking++
    try {
      return await ask((handles) => start(handles, url, collection), timeout, name)
    } finally {
      this.#asking--
    }
  }

  stats() {
    const sums = { sequences: this.#entries.size, claimed: 0, claims: 0, retries: 0, errors: 0, inHand: 0 }
    for (const { sequence } of this.#entries.values()) {
      const { claimed, claims, retries, errors, inHand } = sequence.stats()
      sums.claimed += claimed
      sums.claims += claims
      sums.retries += retries
      sums.errors += errors
      sums.inHand += inHand
    }
    return sums
  }

  close() {
    this.#closed ??= this.#closeAll()
    return this.#closed
  }

  [Symbol.asyncDispose]() {
    return this.close()
  }

  /**
   * The sequence of a name, which is in use from now on.
   * @param {any} name
   */
  #draw(name) {
    this.#assertOpen()
    const entry = this.#entries.get(name) ?? this.#open(name)
    entry.sweeps = 0
    return entry.sequence
  }

  /** @param {any} name */
  #open(name) {
    checkName('sequence', name)
    // A sequence copies what it needs; an object of options for each would cost 0.6 KB of memory.
    const sequence = new Sequence(Object.assign(this.#options, { name }))
    const entry = { sequence, sweeps: 0 }
    this.#entries.set(name, entry)
    if (this.#sweeper === undefined) {
      this.#sweeper = setInterval(() => this.#sweep(), Math.max(this.#idle / SWEEPS_PER_IDLE_TIME, 1))
      this.#sweeper.unref()
    }
    return entry
  }

  #sweep() {
    for (const [name, entry] of this.#entries) {
      if (entry.sequence.waiting > 0) entry.sweeps = 0
      else if (++entry.sweeps > SWEEPS_PER_IDLE_TIME) void this.#retire(name, entry)
    }
  }

  /**
   * Closes a sequence that no call waits for; the next draw opens another one.
   * @param {string} name
   * @param {Entry} entry
   */
  async #retire(name, { sequence }) {
    this.#entries.delete(name)
    if (this.#entries.size === 0) this.#stopSweeping()
    this.#retired.add(sequence)
    await sequence.close()
    this.#retired.delete(sequence)
  }

  async #closeAll() {
    this.#stopSweeping()
    const open = [...Array.from(this.#entries.values(), ({ sequence }) => sequence), ...this.#retired]
    this.#entries.clear()
    await Promise.all(open.map((sequence) => sequence.close()))
    this.#hold.release()
  }

  #stopSweeping() {
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }

  #assertOpen() {
    if (this.#closed) throw new TexampleError('ERR_TEXAMPLE_SEQUENCE_CLOSED', 'the store of ids is closed')
  }
}

/**
 * @param {string} argument
 * @param {unknown} value
 */
function toInt64(argument, value) {
  if (typeof value === 'number') {
    checkInteger(argument, value, 0, Number.MAX_SAFE_INTEGER, '; past that, a BigInt')
    return BigInt(value)
  }
  if (typeof value !== 'bigint') throw wrongType(argument, 'a number or a BigInt', value)
  if (value < 0n || value > MAX_INT64) throw outOfRange(argument, `from 0n to ${MAX_INT64}n`, value)
  return value
}

module.exports = { Store }
