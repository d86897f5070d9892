/**
 * The algorithm of 2011 that this package replaces, to compare: a range of ten is asked for when
 * the last id of the one before is gone, and all callers wait.
 */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const step = 10

/** Opens a sequence on the default store, drawn from in the old way. */
export function openOriginal(name) {
  const { claim, close } = process.env.TEXAMPLE_IDS_URL?.startsWith('mongodb') ? mongo(name) : sqlite(name)
  return { nextId: originalIds(claim), close }
}

/**
 * @param {() => Promise<number>} claim asks the store for the next range; its first id
 * @returns {() => Promise<number>} the next id
 */
function originalIds(claim) {
  const status = { high: 0, index: 0, isFetching: false }
  /** @type {{ resolve: (id: number) => void, reject: (error: unknown) => void }[]} */
  let waiters = []

  async function fetchRange() {
    status.isFetching = true
    try {
      status.index = await claim()
      status.high = status.index + step
      while (waiters.length > 0 && status.index < status.high) waiters.shift().resolve(status.index++)
    } catch (error) {
      for (const { reject } of waiters) reject(error)
      waiters = []
    }
    status.isFetching = false
    if (waiters.length > 0) fetchRange()
  }

  return () =>
    new Promise((resolve, reject) => {
      if (status.index < status.high) return resolve(status.index++)
      waiters.push({ resolve, reject })
      if (!status.isFetching) fetchRange()
    })
}

/** Claims as the original did, with the Node.js driver. */
function mongo(name) {
  const connected = import('mongodb').then(async ({ MongoClient }) => {
    const client = await MongoClient.connect(process.env.TEXAMPLE_IDS_URL)
    const ids = client.db().collection('ids')
    await ids.updateOne({ _id: name }, { $setOnInsert: { index: 1000 } }, { upsert: true })
    return { client, ids }
  })
  // `claim` rejects then, and `close` has nothing to close.
  connected.catch(() => {})
  return {
    async claim() {
      const { ids } = await connected
      const { index } = await ids.findOneAndUpdate(
        { _id: name },
        { $inc: { index: step } },
        { returnDocument: 'after' },
      )
      return index - step
    },
    close: () =>
      connected.then(
        ({ client }) => client.close(true),
        () => {},
      ),
  }
}

/**
 * Claims from SQLite as the original would have: a statement for each range of one caller. A driver
 * that blocks has a thread of its own here, and the sequence a file of its own, so that neither way
 * holds the other up.
 */
function sqlite(name) {
  const [, place] = /^sqlite:(.+)$/.exec(process.env.TEXAMPLE_IDS_URL ?? 'sqlite:texample-ids.db') ?? []
  const file = place === undefined ? ':memory:' : `${place.replace(/\.db$/, '')}-original.db`
  const worker = new Worker(new URL('./original-sqlite.mjs', import.meta.url), { workerData: { file, name, step } })
  /** @type {Error | undefined} */
  let failure
  worker.once('error', (error) => {
    failure = error
  })
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  return {
    async claim() {
      if (failure !== undefined) throw failure
      worker.postMessage('claim')
      const [{ index, error }] = await once(worker, 'message')
      if (error !== undefined) throw new Error(error)
      return index - step
    },
    // Not terminated: libsql aborts the process where that meets it at work.
    close() {
      worker.postMessage('close')
      return ended
    },
  }
}
