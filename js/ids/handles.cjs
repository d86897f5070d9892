'use strict'

/** The native handles of this thread, under one wake-up, and the sequences that own them. */

const native = require('../native/loader.cjs')
const { fromNative } = require('../errors.cjs')
const { isObserved, publish } = require('./events.cjs')
const { warnOfIgnoredOptions } = require('./url-warning.cjs')

/** @typedef {InstanceType<typeof import('./sequence.cjs').Sequence>} Sequence */

/** Made with the first handle. @type {InstanceType<typeof native.SequenceHandles> | undefined} */
let handles

/** By key. The native half must not keep a sequence from being collected. @type {Map<number, WeakRef<Sequence>>} */
const owners = new Map()

/** A sequence that is collected without `close()` abandons its handle. @type {FinalizationRegistry<number>} */
const collected = new FinalizationRegistry((key) => {
  owners.delete(key)
  handles?.abandon(key)
})

/** @type {(owner: Sequence) => void} */
let wake = () => {}

/**
 * Sets what is called for each sequence with news.
 * @param {(owner: Sequence) => void} callback
 */
function onNews(callback) {
  wake = callback
}

/** Passes on what arrived: events to their channels, wake-ups to the sequences. */
function takeNews() {
  if (handles === undefined) return
  const news = handles.news(isObserved())
  news.events.forEach(publish)
  for (const key of news.handles) {
    const owner = owners.get(key)?.deref()
    if (owner !== undefined) wake(owner)
  }
}

/**
 * Opens a handle for a sequence.
 * @param {Sequence} owner
 * @param {{ url: string, collection: string, name: string, start?: number, step?: number, maxStep?: number, horizon?: number }} options checked
 */
function openHandle(owner, { url, collection, name, start, step, maxStep, horizon }) {
  try {
    handles ??= new native.SequenceHandles(takeNews)
    const key = handles.open(url, collection, name, start, step, maxStep, horizon)
    warnOfIgnoredOptions(url)
    owners.set(key, new WeakRef(owner))
    collected.register(owner, key, owner)
    return { handles, key }
  } catch (error) {
    throw fromNative(error)
  }
}

/**
 * Lets go of a handle. The claimer of a store without handles is stopped and joined.
 * @param {Sequence} owner
 * @param {number} key
 */
function abandonHandle(owner, key) {
  collected.unregister(owner)
  owners.delete(key)
  handles?.abandon(key)
}

module.exports = { abandonHandle, onNews, openHandle, takeNews }
