/** What MongoDB and SQLite must both do: one suite, run for each. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { Long, MongoClient } from 'mongodb'
import { assertDistinct, folder, printed, settled, worker } from '../devtools/ids.mjs'
import { startStandalone } from '../devtools/mongod.mjs'
import { sql } from '../devtools/sqlite.mjs'
import { closeSequences, nextId } from '../js/index.mjs'
import { BAD, EXHAUSTED, INVALID, openSequence, openStore } from './support/ids.mjs'

const server = await startStandalone()
const client = await new MongoClient(server.uri).connect()
after(async () => {
  await client.close()
  await server.stop()
})

/**
 * A sequence in a store, and another client of it.
 * @typedef {object} Other
 * @property {string} url
 * @property {() => Promise<bigint | undefined>} index
 * @property {(index: bigint) => Promise<unknown>} set creates it, too
 * @property {() => Promise<unknown>} remove
 */

let databases = 0
/** @type {Record<string, (t: import('node:test').TestContext) => Promise<Other>>} */
const stores = {
  MongoDB: async () => {
    const database = `both${++databases}`
    const collection = client.db(database).collection('ids')
    const _id = 'a'
    return {
      url: server.uri + database,
      index: async () => {
        const document = await collection.findOne({ _id }, { promoteLongs: false })
        return document ? BigInt(document.index.toString()) : undefined
      },
      set: (index) => collection.updateOne({ _id }, { $set: { index: Long.fromBigInt(index) } }, { upsert: true }),
      remove: () => collection.deleteOne({ _id }),
    }
  },
  SQLite: async (t) => {
    const path = join(folder(t), 'ids.db')
    sql(path, 'CREATE TABLE ids (_id TEXT PRIMARY KEY NOT NULL, "index" INTEGER NOT NULL) STRICT')
    return {
      url: `sqlite:${path}`,
      index: async () => {
        const [row] = sql(path, `SELECT CAST("index" AS TEXT) FROM ids WHERE _id = 'a'`)
        return row === undefined ? undefined : BigInt(row[0])
      },
      set: async (index) => sql(path, `INSERT OR REPLACE INTO ids VALUES ('a', ${index})`),
      remove: async () => sql(path, 'DELETE FROM ids'),
    }
  },
}

for (const [store, other] of Object.entries(stores)) {
  describe(store, () => {
    it('a claim of another client before close loses nothing', async (t) => {
      const { url, index, set } = await other(t)
      const sequence = openSequence('a', { url })
      assert.equal(await sequence.nextId(), 1000)
      await set(1020n)
      await sequence.close()
      assert.equal(await index(), 1020n)
    })

    it('64 processes create one sequence at once', async (t) => {
      const { url } = await other(t)
      const code = `
        const sequence = texample.openSequence('a', { url: ${JSON.stringify(url)}, start: 7 })
        console.log(await sequence.nextId())`
      const ids = (await Promise.all(Array.from({ length: 64 }, () => printed(code)))).map(Number)
      assertDistinct(ids)
      assert.equal(Math.min(...ids), 7)
    })

    it('the last integers are handed out, then none', async (t) => {
      const { url, set } = await other(t)
      await set(2n ** 63n - 5n)
      const sequence = openSequence('a', { url, bigint: true })
      const ids = await Promise.all([1, 2, 3, 4].map(() => sequence.nextId()))
      assert.deepEqual(
        ids,
        [5n, 4n, 3n, 2n].map((left) => 2n ** 63n - left),
      )
      await assert.rejects(sequence.nextId(), { code: EXHAUSTED })
    })

    for (const [how, text] of [
      ['went back', /went back/],
      ['was removed', /is gone/],
      ['was removed and begins again', /went back/],
    ]) {
      it(`a counter that ${how} is refused until it is mended`, async (t) => {
        const { url, index, set, remove } = await other(t)
        const sequence = openSequence('a', { url, step: 10, maxStep: 10, horizon: 0 })
        const ids = [...(await sequence.nextIds(10)), ...(await sequence.nextIds(9))]
        if (how !== 'went back') await remove()
        if (how !== 'was removed') await set(1003n)
        let error
        for (let i = 0; i < 100 && !error; i++) {
          const [id, failure] = await settled(sequence.nextId())
          error = failure
          if (id !== undefined) ids.push(id)
        }
        assert.equal(error?.code, BAD)
        assert.match(error.message, text)
        // It stays refused, and no attempt moves the counter.
        const before = await index()
        for (let i = 0; i < 3; i++) await assert.rejects(sequence.nextIds(10), { code: BAD })
        assert.throws(() => sequence.nextIdSync(), { code: BAD })
        assert.equal(await index(), before)
        // One below what is owned is not enough.
        const owned = 1000 + Math.ceil((Math.max(...ids) - 999) / 10) * 10
        await set(BigInt(Math.max(...ids)))
        await assert.rejects(sequence.nextId(), { code: BAD })
        await set(BigInt(owned))
        const more = await sequence.nextIds(10)
        assert.ok(more[0] >= owned, `${more[0]} is past ${owned}`)
        assertDistinct([...ids, ...more])
      })
    }

    it('nextId() and workers go on when it is mended', async (t) => {
      const { url, set } = await other(t)
      const before = process.env.TEXAMPLE_IDS_URL
      process.env.TEXAMPLE_IDS_URL = url
      t.after(() => {
        if (before === undefined) delete process.env.TEXAMPLE_IDS_URL
        else process.env.TEXAMPLE_IDS_URL = before
      })
      const thread = worker(
        `parentPort.on('message', (end) => end ? process.exit() : texample.nextId('a').then(
          (id) => parentPort.postMessage({ id }), ({ code }) => parentPort.postMessage({ code })))`,
        { env: { ...process.env, TEXAMPLE_IDS_URL: url } },
      )
      const inWorker = async () => {
        thread.postMessage(false)
        return (await once(thread, 'message'))[0]
      }
      const ids = [await nextId('a'), (await inWorker()).id]
      await set(1001n)
      const refused = async (draw) => {
        for (let i = 0; i < 100; i++) {
          const { id, code } = await draw()
          if (id === undefined) return code
          ids.push(id)
        }
      }
      const here = async () => {
        const [id, error] = await settled(nextId('a'))
        return { id, code: error?.code }
      }
      assert.equal(await refused(here), BAD)
      assert.equal(await refused(inWorker), BAD)
      await set(5000n)
      ids.push(await nextId('a'), (await inWorker()).id)
      assertDistinct(ids)
      assert.ok(Math.min(...ids.slice(-2)) >= 5000)
      const ended = once(thread, 'exit')
      thread.postMessage(true)
      await ended
      await closeSequences()
    })

    it('an idle sequence that went back is refused too', async (t) => {
      const { url, set } = await other(t)
      const ids = openStore({ url, idle: 20 })
      assert.equal(await ids.nextId('a'), 1000)
      while (ids.stats().sequences > 0) await new Promise((resolve) => setTimeout(resolve, 5))
      // As a restored backup would have it.
      await set(500n)
      await assert.rejects(ids.nextId('a'), { code: BAD })
      await set(1001n)
      assert.equal(await ids.nextId('a'), 1001)
    })

    it('a sequence closed during a claim opens again', async (t) => {
      const { url } = await other(t)
      openStore({ url })
      let last = 0
      let closing
      for (let round = 0; round < 150; round++) {
        const sequence = openSequence('a', { url })
        for (let n = 1 + ((round * 7) % 12); n > 0; n--) {
          const id = await sequence.nextId()
          assert.ok(id > last, `${id} after ${last}`)
          last = id
        }
        // Not awaited in every other round: the next one opens while this one gives its ids back.
        closing = sequence.close()
        if (round % 2 === 0) await closing
      }
    })

    it('a closed sequence that was set forgets nothing', async (t) => {
      const { url, remove } = await other(t)
      const store = openStore({ url, idle: 20 })
      assert.equal(await store.nextId('a'), 1000)
      while (store.stats().sequences > 0) await new Promise((resolve) => setTimeout(resolve, 5))
      await store.set('a', 2000)
      await remove()
      await assert.rejects(store.nextId('a'), { code: BAD })
      await store.set('a', 2000)
      assert.equal(await store.nextId('a'), 2000)
    })

    it('set beside draws rejects no draw', async (t) => {
      const { url } = await other(t)
      const store = openStore({ url, step: 1, maxStep: 3, horizon: 0 })
      let over = false
      const draws = [1, 2, 3].map(async () => {
        while (!over) await store.nextId('a')
      })
      for (let i = 0; i < 30; i++) await store.set('a', i % 2 === 0 ? 1_000_000 + i : 10, { force: true })
      over = true
      await Promise.all(draws)
    })

    it('set beside a blocking call does not fail it', async (t) => {
      const { url } = await other(t)
      const store = openStore({ url })
      const sequence = openSequence('a', { url, maxStep: 1000 })
      await sequence.nextId()
      const many = sequence.nextIds(500)
      const set = store.set('a', 1_000_000)
      const id = sequence.nextIdSync()
      assert.ok(id > Number((await many).at(-1)))
      await set
    })

    it('set moves every handle of the process', async (t) => {
      const { url, index } = await other(t)
      const store = openStore({ url })
      const sequence = openSequence('a', { url })
      assert.deepEqual([await store.nextId('a'), await sequence.nextId()], [1000, 1001])
      await store.set('a', 5000)
      assert.equal(await store.nextId('a'), 5000)
      assert.ok((await sequence.nextId()) > 5000)
      await assert.rejects(store.set('a', 10), { code: INVALID })
      await store.set('a', 10, { force: true })
      assert.equal(await store.nextId('a'), 10)
      await sequence.close()
      await store.close()
      assert.ok(Number(await index()) < 1000)
    })

    it('fake timers do not hang a cold call', async (t) => {
      const { url } = await other(t)
      const code = `
        const { mock } = require('node:test')
        mock.timers.enable()
        globalThis.queueMicrotask = process.nextTick = () => {}
        const sequence = texample.openSequence('a', { url: ${JSON.stringify(url)} })
        console.log(await sequence.nextId())
        sequence.nextId((error, id) => console.log(error ?? id))
        await sequence.close()`
      assert.equal(await printed(code), '1000\n1001\n')
    })
  })
}
