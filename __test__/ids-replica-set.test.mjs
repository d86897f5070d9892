/** Ids from a three-member replica set: all at once, and through failovers. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { MongoClient } from 'mongodb'
import { failover } from '../devtools/failover.mjs'
import { assertDistinct, drawer, drawn, folder } from '../devtools/ids.mjs'
import { startReplicaSet } from '../devtools/mongod.mjs'
import { OriginalIds } from '../devtools/original-ids.mjs'

const set = await startReplicaSet()
after(() => set.stop())

it('two processes, workers and an original client share ids', async (t) => {
  const path = folder(t)
  const client = await new MongoClient(set.uri, { writeConcern: { w: 'majority' } }).connect()
  t.after(() => client.close())
  const url = set.uri.replace('/?', '/app?')
  const job = { url, name: 'all', count: 16_667, workers: 2 }
  const drawers = [1, 2].map((i) => drawer({ ...job, file: join(path, `drawn${i}`) }))
  const open = () => OriginalIds.open(client.db('app').collection('ids'), 'all')
  // The original's insert fails when another client creates the document at the same time.
  const opened = await open().catch(open)
  const theirs = []
  for (let i = 0; i < 200; i++) theirs.push(await opened.nextId())
  const stats = (await Promise.all(drawers.map((one) => one.done))).flat()
  const ids = drawn(path)
  assert.equal(ids.length, 100_002)
  const all = assertDistinct([...ids, ...theirs])
  assert.ok(all.has(1000), 'a new sequence starts at 1000')
  assert.deepEqual(
    stats.flatMap((one) => one.failures),
    [],
  )
})

for (const [kind, title] of [
  ['kill', 'the primary is killed while replication lags'],
  ['stepDown', 'the primary steps down'],
  ['freeze', 'the primary freezes'],
  ['wtimeout', 'a write concern times out after the increment was applied'],
  ['hang', 'the network hangs'],
  ['reset', 'the network resets connections'],
  ['refuse', 'the network refuses connections'],
]) {
  it(`nothing twice and no failed call when ${title}`, async (t) => {
    const { ids, failures, errors } = await failover(set, kind, folder(t))
    assert.deepEqual(failures, [])
    assertDistinct(ids)
    if (kind !== 'stepDown') assert.ok(errors > 0, 'claims met the fault')
  })
}
