/**
 * The algorithm of 2011 that this package replaces, to compare: a range of ten is asked for when the last
 * id of the one before is gone, and everybody waits.
 */

import { openSequence } from 'texample'

const step = 10

/** Whether the default store is the one that the original was written for. */
export function isOnMongo() {
  return process.env.TEXAMPLE_IDS_URL?.startsWith('mongodb') ?? false
}

/** Opens a sequence on the default store, drawn from in the old way. */
export function openOriginal(name) {
  const { claim, close } = isOnMongo() ? mongo(name) : embedded(name)
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
  // Who draws is told; close has nothing to close then.
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

/** Claims from another store, which the original did not know: this package's own, one trip a range. The page says so. */
function embedded(name) {
  const sequence = openSequence(name, { step, maxStep: step, horizon: 0 })
  return {
    claim: async () => (await sequence.nextIds(step))[0],
    close: () => sequence.close(),
  }
}
