'use strict'

/** What claims do, for who watches: diagnostics_channel, and NODE_DEBUG=texample. */

const { channel } = require('node:diagnostics_channel')
const { debuglog } = require('node:util')
const { TexampleError } = require('../errors.cjs')

const claims = channel('texample:ids:claim')
const errors = channel('texample:ids:error')
const log = debuglog('texample')

/**
 * Of the handles of this thread on one pool, the first tells what happens in it. None is kept from being collected.
 * @type {Map<string, WeakRef<Observer>[]>}
 */
const observers = new Map()

/** @type {FinalizationRegistry<string>} */
const collected = new FinalizationRegistry(appoint)

/**
 * Lets go of those that are gone, and has the first of the others tell.
 * @param {string} key
 */
function appoint(key) {
  const all = (observers.get(key) ?? []).filter((observer) => observer.deref() !== undefined)
  if (all.length === 0) observers.delete(key)
  else observers.set(key, all)
  all[0]?.deref()?.start()
}

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
      if (event.first !== undefined) {
        const message = { sequence: name, collection, label, first: event.first, count, duration, failures }
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
    const others = (observers.get(this.#key) ?? []).filter((observer) => observer.deref() !== this)
    observers.set(this.#key, others)
    appoint(this.#key)
  }
}

/**
 * @param {any} port
 * @param {string} key the pool
 * @param {{ name: string, collection: string, label: string }} about
 */
function observe(port, key, about) {
  const observer = new Observer(port, key, about)
  observers.set(key, [...(observers.get(key) ?? []), new WeakRef(observer)])
  collected.register(observer, key)
  appoint(key)
  return observer
}

module.exports = { observe }
