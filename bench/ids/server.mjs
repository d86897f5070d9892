/** What the parts share: the package, a replica set, the driver's upserts, other processes. */

import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { MongoClient } from 'mongodb'
import { startReplicaSet } from '../../devtools/mongod.mjs'

export const { openSequence, openStore } = createRequire(import.meta.url)('../../js/index.cjs')

/**
 * @type {Promise<{ set: Awaited<ReturnType<typeof startReplicaSet>>, url: string, client:
 * MongoClient, ids: any }> | undefined}
 */
let shared

/** The replica set, started when the first part asks. */
export function server() {
  shared ??= (async () => {
    const set = await startReplicaSet()
    await set.healthy()
    const client = await new MongoClient(set.uri, { writeConcern: { w: 'majority', journal: true } }).connect()
    return { set, url: set.uri.replace('/?', '/bench?'), client, ids: client.db('bench').collection('ids') }
  })()
  return shared
}

let names = 0
export const name = () => `bench-${process.pid}-${++names}`

/**
 * How long the driver takes for an upsert of each of `count` counters, in milliseconds.
 * @param {import('mongodb').Db} database
 * @param {number} count
 */
export async function upserts(database, count) {
  const counters = database.collection(/** @type {any} */ ('counters'))
  const begun = performance.now()
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      counters.findOneAndUpdate({ _id: /** @type {any} */ (`a${i}`) }, { $inc: { index: 10 } }, { upsert: true }),
    ),
  )
  return performance.now() - begun
}

/**
 * The JSON that a program prints.
 * @param {string} program
 * @param {string[]} args
 */
export async function printed(program, args) {
  const { stdout, stderr } = await promisify(execFile)(program, args, { maxBuffer: 2 ** 28 })
  process.stderr.write(stderr)
  return JSON.parse(stdout)
}
