/** The replica set that the parts share, started when the first one asks, and the package. */

import { createRequire } from 'node:module'
import { MongoClient } from 'mongodb'
import { startReplicaSet } from '../../devtools/mongod.mjs'

export const { openSequence, openStore } = createRequire(import.meta.url)('../../js/index.cjs')

/**
 * @type {Promise<{ set: Awaited<ReturnType<typeof startReplicaSet>>, url: string, client:
 * MongoClient, ids: any }> | undefined}
 */
let shared

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
