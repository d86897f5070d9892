'use strict'

/** What claims do, for who watches: diagnostics_channel, and NODE_DEBUG=texample. */

const { channel } = require('node:diagnostics_channel')
const { debuglog } = require('node:util')
const { TexampleError } = require('./errors.cjs')

const claims = channel('texample:ids:claim')
const errors = channel('texample:ids:error')
const log = debuglog('texample')

/**
 * Of the handles of this thread on one pool, the first tells what happens in it.
 * @type {Map<string, Observer[]>}
 */
const observers = new Map()

class Observer {
  #port
  #key
  #about

  /**
   * @param {any} port
   * @param {string} key
   * @param {{ name: string, collection: string, label: string }} about
   */
  constructor(port, key, about) {
    this.#port = port
    this.#key = key
    this.#about = about
  }

  start() {
    this.#port.observe(true)
  }

  publish() {
    for (const event of this.#port.events()) {
      const { name, collection, label } = this.#about
      const { count, duration, failures } = event
      if (event.first) {
        const message = { sequence: name, collection, label, first: event.first[0], count, duration, failures }
        log('%s: claimed %d from %s in %d ms', label, count, message.first, duration)
        claims.publish(message)
      } else {
        const error = new TexampleError(event.code, event.message)
        log('%s: claim failed after %d ms, %d in a row: %s', label, duration, failures, event.message)
        errors.publish({ sequence: name, collection, label, error, duration, failures })
      }
    }
  }

  end() {
    this.publish()
    this.#port.observe(false)
    const all = observers.get(this.#key) ?? []
    const first = all[0] === this
    all.splice(all.indexOf(this), 1)
    if (all.length === 0) observers.delete(this.#key)
    else if (first) all[0].start()
  }
}

/**
 * @param {any} port
 * @param {string} key the pool
 * @param {{ name: string, collection: string, label: string }} about
 */
function observe(port, key, about) {
  const observer = new Observer(port, key, about)
  const all = observers.get(key)
  if (all) {
    all.push(observer)
  } else {
    observers.set(key, [observer])
    observer.start()
  }
  return observer
}

module.exports = { observe }
