'use strict'

/** `start` and `ticks`: native threads that tick. */

const { Dispatcher } = require('./dispatcher.cjs')
const { startArguments, ticksArguments } = require('./options.cjs')
const { Ticks } = require('./ticks.cjs')

/** A running native thread that ticks. May be collected while it runs; the thread goes on. */
class Ticker {
  #dispatcher

  /** @param {InstanceType<typeof Dispatcher>} dispatcher */
  constructor(dispatcher) {
    this.#dispatcher = dispatcher
  }

  get done() {
    return this.#dispatcher.done
  }

  stop() {
    this.#dispatcher.stop()
  }

  ref() {
    this.#dispatcher.setRef(true)
    return this
  }

  unref() {
    this.#dispatcher.setRef(false)
    return this
  }

  hasRef() {
    return this.#dispatcher.hasRef()
  }

  stats() {
    return this.#dispatcher.stats()
  }

  [Symbol.dispose]() {
    this.stop()
  }
}

/**
 * @param {any} texample the module, whose `callback` is looked up by tickers that have none of
 *   their own
 */
function create(texample) {
  return {
    /**
     * @param {unknown} [callback]
     * @param {unknown} [options]
     */
    start(callback, options) {
      const checked = startArguments(callback, options)
      return new Ticker(new Dispatcher(checked.callback, checked.options, texample))
    },

    /** @param {unknown} [options] */
    ticks(options) {
      return new Ticks(ticksArguments(options))
    },
  }
}

module.exports = { create }
