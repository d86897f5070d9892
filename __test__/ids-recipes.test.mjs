/** The Mongoose plugin of docs/ids.md with both versions, and two copies of SQLite in one process. */

import assert from 'node:assert/strict'
import { cpSync, existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import Database from 'libsql'
import mongoose9 from 'mongoose'
import mongoose8 from 'mongoose8'
import { assertDistinct, drawer, drawn, folder, PACKAGE } from '../devtools/ids.mjs'
import { startStandalone } from '../devtools/mongod.mjs'
import texample from '../js/index.cjs'

const { openSequence } = texample

for (const [version, mongoose] of /** @type {[string, any][]} */ ([
  ['8', mongoose8],
  ['9', mongoose9],
])) {
  test(`a Mongoose ${version} plugin numbers create, save and insertMany`, async (t) => {
    assert.match(mongoose.version, new RegExp(`^${version}\\.`))
    const server = await startStandalone()
    t.after(() => server.stop())
    const url = `${server.uri}app`
    const sequence = openSequence('orders', { url })
    await sequence.ready()
    const schema = new mongoose.Schema({ item: String })
    schema.plugin((/** @type {any} */ schema) => {
      schema.add({ number: { type: Number, default: () => sequence.nextIdSync(), unique: true } })
    })
    const connection = await mongoose.createConnection(url).asPromise()
    const Order = connection.model('Order', schema)
    await Order.init()
    const numbers = [(await Order.create({ item: 'a' })).number, (await new Order({ item: 'b' }).save()).number]
    const many = await Order.insertMany(Array.from({ length: 500 }, (_, i) => ({ item: `${i}` })))
    numbers.push(...many.map((/** @type {any} */ order) => order.number))
    assert.deepEqual(
      numbers,
      Array.from({ length: 502 }, (_, i) => 1000 + i),
    )
    assert.equal(await Order.countDocuments({ number: { $gte: 1000 } }), 502)
    await connection.close()
    await sequence.close()
  })
}

test('a second copy of the add-on that was the last to close the file takes no claim with it', async (t) => {
  const path = folder(t)
  const file = join(path, 'ids.db')
  const url = `sqlite:${file}`
  const options = { step: 1, maxStep: 1, horizon: 0 }
  const sequence = openSequence('a', { url, ...options })
  const ids = [await sequence.nextId()]
  const log = statSync(`${file}-wal`).ino
  cpSync(dirname(PACKAGE), join(path, 'js'), { recursive: true })
  const copy = createRequire(import.meta.url)(join(path, 'js', 'index.cjs'))
  assert.notEqual(copy.openSequence, openSequence)
  for (let round = 0; round < 3; round++) {
    // SQLite's own locks do not hold between copies of it in one process, and who closes a file drops those of the others.
    const other = copy.openSequence('b', { url })
    await other.nextId()
    await other.close()
    for (let i = 0; i < 20; i++) ids.push(await sequence.nextId())
    // A process that comes after it, and takes itself for the last one.
    await drawer({ url, name: 'a', count: 20, options, file: join(path, `drawn${round}`) }).done
    for (let i = 0; i < 20; i++) ids.push(await sequence.nextId())
  }
  assertDistinct([...ids, ...drawn(path)])
  // Elsewhere it may be taken away, which is noticed.
  if (process.platform === 'linux') assert.equal(statSync(`${file}-wal`).ino, log, 'it is guarded')
  if (process.platform === 'linux') assert.equal(sequence.stats().errors, 0, 'and no claim had to be abandoned')
  await sequence.close()
  assert.ok(!existsSync(`${file}-wal`), 'the last one to close leaves one file')
})

test('a second copy of SQLite that opens and closes the file lets nobody claim twice', async (t) => {
  const path = folder(t)
  const file = join(path, 'ids.db')
  const url = `sqlite:${file}`
  const options = { step: 1, maxStep: 3, horizon: 0 }
  const sequence = openSequence('a', { url, ...options })
  const ids = [await sequence.nextId()]
  const rivals = [1, 2].map((i) => drawer({ url, name: 'a', count: 1500, options, file: join(path, `drawn${i}`) }))
  let over = false
  const others = Promise.all(rivals.map((one) => one.done)).finally(() => {
    over = true
  })
  while (!over) {
    // Its close drops every lock of this process on the file, as POSIX has it.
    const second = new Database(file)
    second.exec('SELECT count(*) FROM ids')
    second.close()
    for (let i = 0; i < 20; i++) ids.push(await sequence.nextId())
    await new Promise(setImmediate)
  }
  await others
  assertDistinct([...ids, ...drawn(path)])
  await sequence.close()
})
