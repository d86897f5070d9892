/**
 * New and existing sequences on a MongoDB that is far away, beside the Node driver through the same
 * proxy.
 */

import { MongoClient } from 'mongodb'
import { startReplicaSet } from '../../devtools/mongod.mjs'
import { startProxy } from '../../devtools/proxy.mjs'
import { openSequence, upserts } from './server.mjs'

const NEW = 1000
const EXISTING = 5000

export async function run() {
  const set = await startReplicaSet({ count: 1 })
  const port = Number(new URL(set.uri.replace('mongodb:', 'http:')).port)
  const far = await startProxy(port, { roundTrip: 100 })
  const near = await startProxy(port, { roundTrip: 30 })
  const uri = (/** @type {{ port: number }} */ proxy) =>
    `mongodb://127.0.0.1:${proxy.port}/distance?directConnection=true`
  const client = await new MongoClient(uri(far), { writeConcern: { w: 'majority', journal: true } }).connect()
  try {
    const driver = await upserts(client.db(), NEW)

    /** @param {string} url @param {string} prefix @param {number} count */
    const draw = async (url, prefix, count) => {
      const all = Array.from({ length: count }, (_, i) => openSequence(prefix + i, { url }))
      const begun = performance.now()
      const drawn = await Promise.allSettled(all.map((sequence) => sequence.nextId()))
      const took = performance.now() - begun
      const served = drawn.filter(({ status }) => status === 'fulfilled').length
      await Promise.all(all.map((sequence) => sequence.close()))
      return { took, served }
    }
    const fresh = await draw(uri(far), 'new', NEW)
    await client
      .db()
      .collection(/** @type {any} */ ('ids'))
      .insertMany(Array.from({ length: EXISTING }, (_, i) => ({ _id: /** @type {any} */ (`old${i}`), index: 1000 })))
    const old = await draw(uri(near), 'old', EXISTING)
    const ratio = fresh.took / driver
    return [
      {
        what: `${NEW} new sequences, round trip of 100 ms`,
        value: fresh.took,
        unit: 'ms',
        ratio,
        than: 'as many upserts of the driver',
        goal: 'at most 2.5, all served',
        met: ratio <= 2.5 && fresh.served === NEW,
      },
      {
        what: `${EXISTING} existing ones, round trip of 30 ms`,
        value: old.took,
        unit: 'ms',
        goal: 'all served',
        met: old.served === EXISTING,
      },
    ]
  } finally {
    await client.close()
    await far.stop()
    await near.stop()
    await set.stop()
  }
}
