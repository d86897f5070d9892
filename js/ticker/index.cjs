'use strict'

/** `start` and `ticks`: native threads that tick. */

const { Delivery } = require('./dispatcher.cjs')
const { startArguments, ticksArguments } = require('./options.cjs')
const { Ticks } = require('./ticks.cjs')

/** A running native thread that ticks. May be collected while it runs; the thread goes on. */
class Ticker {
  #delivery

  /** @param {InstanceType<typeof Delivery>} delivery */
  constructor(delivery) {
    this.#delivery = delivery
  }

  get done() {
    return this.#delivery.done
  }

  stop() {
    this.#delivery.stop()
  }

  ref() {
    this.#delivery.setRef(true)
    return this
  }

  unref() {
    this.#delivery.setRef(false)
    return this
  }

  hasRef() {
    return this.#delivery.hasRef()
  }

  stats() {
    return this.#delivery.stats()
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
      return new Ticker(new Delivery(checked.callback, checked.options, texample))
    },

    /** @param {unknown} [options] */
    ticks(options) {
      return new Ticks(ticksArguments(options))
    },
  }
}

module.exports = { create }
