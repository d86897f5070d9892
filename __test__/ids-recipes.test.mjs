/** The Mongoose plugin of docs/ids.md with both versions, and two copies of SQLite in one process. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'libsql'
import mongoose9 from 'mongoose'
import mongoose8 from 'mongoose8'
import texample from '../js/index.cjs'
import { assertDistinct, drawer, drawn, folder } from './support/ids.mjs'
import { startStandalone } from './support/mongod.mjs'

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
    second.prepare('SELECT count(*) FROM ids').get()
    second.close()
    for (let i = 0; i < 20; i++) ids.push(await sequence.nextId())
    await new Promise(setImmediate)
  }
  await others
  assertDistinct([...ids, ...drawn(path)])
  await sequence.close()
})
