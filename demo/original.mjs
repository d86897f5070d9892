/** The original algorithm on the store of the demo, to compare. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { OriginalIds } from '../devtools/original-ids.mjs'

const step = 10

/** Opens a sequence on the default store, drawn from in the old way. */
export function openOriginal(name) {
  const { claim, close } = process.env.TEXAMPLE_IDS_URL?.startsWith('mongodb') ? mongo(name) : sqlite(name)
  const ids = new OriginalIds(claim, step)
  return { nextId: () => ids.nextId(), close }
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
      return index
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
      return index
    },
    // Not terminated: libsql aborts the process where that meets it at work.
    close() {
      worker.postMessage('close')
      return ended
    },
  }
}
