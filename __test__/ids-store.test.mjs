/** Many sequences in one store, `nextId(name)` and its end: memory, SQLite and MongoDB alike. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertDistinct, folder, PACKAGE, printed, settled } from '../devtools/ids.mjs'
import { startStandalone } from '../devtools/mongod.mjs'
import { closeSequences, nextId } from '../js/index.mjs'
import { CLOSED, INVALID, NOWHERE, newName, openSequence, openStore, UNAVAILABLE } from './support/ids.mjs'

/**
 * Waits for what must come true; the test's own time limit bounds it.
 * @param {() => boolean} holds
 */
async function until(holds) {
  while (!holds()) await sleep(5)
}

const server = await startStandalone()
after(() => server.stop())

/** @type {Record<string, (t: import('node:test').TestContext) => string>} */
const stores = {
  memory: () => 'memory:',
  sqlite: (t) => `sqlite:${join(folder(t), 'ids.db')}`,
  mongodb: () => `${server.uri}${newName()}`,
}

for (const [kind, urlOf] of Object.entries(stores)) {
  describe(kind, () => {
    it('each name is a sequence of its own', async (t) => {
      const [a, b] = [newName(), newName()]
      const store = openStore({ url: urlOf(t) })
      assert.equal(await store.nextId(a), 1000)
      assert.equal(await store.nextId(b), 1000)
      assert.deepEqual(await store.nextIds(a, 3), Float64Array.of(1001, 1002, 1003))
      assert.equal(store.stats().sequences, 2)
    })

    it('read tells the next id of a claim and creates nothing', async (t) => {
      const a = newName()
      const store = openStore({ url: urlOf(t), step: 10, maxStep: 10 })
      assert.equal(await store.read(a), undefined)
      assert.equal(await store.read(a), undefined)
      await store.nextId(a)
      assert.ok((await store.read(a)) >= 1010)
      assert.equal(store.stats().sequences, 1)
    })

    it('set goes forward, and back only by force', async (t) => {
      const a = newName()
      const store = openStore({ url: urlOf(t) })
      await store.set(a, 5000)
      assert.equal(await store.read(a), 5000)
      await store.set(a, 5000)
      await assert.rejects(store.set(a, 4999), { code: INVALID, message: /is at 5000.*second time/ })
      assert.equal(await store.read(a), 5000)
      await store.set(a, 4000, { force: true })
      assert.equal(await store.read(a), 4000)
      assert.equal(await store.nextId(a), 4000)
    })

    it('after set, read and the next draw are what was set', async (t) => {
      const a = newName()
      const store = openStore({ url: urlOf(t) })
      assert.equal(await store.nextId(a), 1000)
      await store.set(a, 5000)
      assert.equal(await store.read(a), 5000)
      assert.equal(await store.nextId(a), 5000)
      await store.set(a, 2000, { force: true })
      assert.equal(await store.read(a), 2000)
      assert.deepEqual(await store.nextIds(a, 2), Float64Array.of(2000, 2001))
      // Calls under way get ids from before or after it, and none twice.
      const drawn = Array.from({ length: 50 }, () => store.nextId(a))
      await store.set(a, 9000)
      assertDistinct(await Promise.all(drawn))
      assert.ok((await store.nextId(a)) >= 9000)
    })

    it('read and set reach past 2^53', async (t) => {
      const [a, b] = [newName(), newName()]
      const url = urlOf(t)
      const [numbers, bigints] = [openStore({ url }), openStore({ url, bigint: true })]
      await numbers.set(a, 2n ** 63n - 1n)
      assert.equal(await numbers.read(a), 2n ** 63n - 1n)
      await numbers.set(b, 0n)
      assert.equal(await numbers.read(b), 0)
      assert.equal(await bigints.read(b), 0n)
      assert.equal(await bigints.nextId(b), 0n)
    })

    it('an idle sequence gives its ids back and opens again', async (t) => {
      const a = newName()
      const url = urlOf(t)
      const store = openStore({ url, idle: 40 })
      assert.equal(await store.nextId(a), 1000)
      const before = store.stats()
      assert.deepEqual([before.sequences, before.claims > 0, before.inHand > 0], [1, true, true])
      await until(() => store.stats().sequences === 0)
      // A claim may be in flight while it closes.
      while ((await store.read(a)) !== 1001) await sleep(5)
      assert.equal(await store.nextId(a), 1001)
    })

    it('a sequence that is drawn from stays open', async (t) => {
      const a = newName()
      const store = openStore({ url: urlOf(t), idle: 400, step: 1000, horizon: 0 })
      let drawn = 0
      for (const end = performance.now() + 1000; performance.now() < end; await sleep(20)) {
        await store.nextId(a)
        drawn++
      }
      // A sequence that was opened again would have a whole range.
      assert.equal(store.stats().inHand, 1000 - drawn)
    })

    it('close gives all ids back and ends every method', async (t) => {
      const all = Array.from({ length: 20 }, newName)
      const url = urlOf(t)
      const store = openStore({ url })
      for (const one of all) assert.equal(await store.nextId(one), 1000)
      await Promise.all([store.close(), store.close(), store[Symbol.asyncDispose]()])
      assert.deepEqual(store.stats(), { sequences: 0, claimed: 0, claims: 0, retries: 0, errors: 0, inHand: 0 })
      for (const call of [
        () => store.nextId(all[0]),
        () => store.nextIds(all[0], 1),
        () => store.read(all[0]),
        () => store.set(all[0], 9999),
      ]) {
        await assert.rejects(call(), { code: CLOSED })
      }
      const again = openStore({ url })
      for (const one of all) assert.equal(await again.nextId(one), 1001)
    })

    it('nothing is repeated while sequences close and open', async (t) => {
      const all = Array.from({ length: 5 }, newName)
      const store = openStore({ url: urlOf(t), idle: 1, step: 2 })
      for (const one of all) {
        const ids = []
        for (let round = 0; round < 30; round++) {
          ids.push(...(await Promise.all([store.nextId(one), store.nextId(one), store.nextId(one)])))
          if (round % 3 === 0) await until(() => store.stats().sequences === 0)
        }
        assertDistinct(ids)
      }
    })
  })
}

it('a sequence with a caller that waits is not idle', async () => {
  const store = openStore({ url: NOWHERE, idle: 1, timeout: 1000 })
  const waiting = settled(store.nextId('a'))
  let open = 0
  const watch = setInterval(() => {
    open = Math.max(open, 1 - store.stats().sequences)
  }, 5)
  const [, error] = await waiting
  clearInterval(watch)
  assert.equal(open, 0, 'it stayed open')
  assert.equal(error.code, UNAVAILABLE)
  await until(() => store.stats().sequences === 0)
})

it('close ends the callers that wait', async () => {
  const store = openStore({ url: NOWHERE })
  const waiting = [settled(store.nextId('a')), settled(store.nextIds('b', 3))]
  const begun = performance.now()
  await store.close()
  assert.ok(performance.now() - begun < 14_000, 'bounded')
  for (const [, error] of await Promise.all(waiting)) assert.equal(error.code, CLOSED)
})

it('the calls of read and set that wait have a bound', async () => {
  const store = openStore({ url: NOWHERE, timeout: 100, maxWaiters: 2 })
  const calls = [store.read('a'), store.set('a', 5), store.read('b')]
  const [read, set, oneMore] = await Promise.allSettled(calls)
  const [later] = await Promise.allSettled([store.read('b')])
  for (const { reason } of [read, set, later]) assert.match(reason.code, /_SEQUENCE_(TIMEOUT|UNAVAILABLE)$/)
  assert.equal(oneMore.reason.code, 'ERR_TEXAMPLE_TOO_MANY_WAITERS')
})

it('a signal gives up one call', async () => {
  const store = openStore({ url: NOWHERE })
  const reason = new Error('given up')
  const abort = new AbortController()
  const waiting = store.nextId('a', { signal: abort.signal })
  abort.abort(reason)
  await assert.rejects(waiting, reason)
})

it('a store shares its pools with sequences of the process', async () => {
  const a = newName()
  const [store, sequence] = [openStore({ url: 'memory:' }), openSequence(a, { url: 'memory:' })]
  const ids = []
  for (let i = 0; i < 50; i++) ids.push(await store.nextId(a), await sequence.nextId())
  assertDistinct(ids)
})

it('nextId opens again after closeSequences', async () => {
  const code = `
    const { nextId, closeSequences } = texample
    await closeSequences()
    console.log(await nextId('a'), await nextId('b'), await nextId())
    const waiting = [closeSequences(), closeSequences()]
    await Promise.all(waiting)
    console.log(await nextId('a'), await nextId('b'), await nextId())
    await closeSequences()
    const handle = texample.openSequence('a')
    console.log(await handle.nextId())
    await closeSequences()
    console.log(await handle.nextId())`
  const text = await printed(code, { env: { TEXAMPLE_IDS_URL: 'memory:' } })
  assert.equal(text, '1000 1000 1000\n1001 1001 1001\n1002\n1003\n')
})

it('closeSequences gives back to a file', async (t) => {
  const cwd = folder(t)
  const env = { TEXAMPLE_IDS_URL: '' }
  const code = `console.log(await texample.nextId('a')); await texample.closeSequences()`
  for (const id of [1000, 1001, 1002]) assert.equal(await printed(code, { cwd, env }), `${id}\n`)
})

it('stores of threads share their pools', async () => {
  const code = `
    const { Worker } = require('node:worker_threads')
    const draw = \`
      const { parentPort } = require('node:worker_threads')
      const store = require(process.env.PACKAGE).openStore({ url: 'memory:', step: 5 })
      store.nextIds('a', 100).then((ids) => parentPort.postMessage(ids))\`
    const store = texample.openStore({ url: 'memory:', step: 5 })
    const workers = [1, 2, 3].map(() => new Worker(draw, { eval: true }))
    const drawn = await Promise.all(workers.map(async (worker) => (await require('node:events').once(worker, 'message'))[0]))
    await Promise.all(workers.map((worker) => worker.terminate()))
    const own = await store.nextIds('a', 100)
    console.log(new Set([...drawn.flatMap((ids) => [...ids]), ...own]).size)
    await store.close()`
  assert.equal(await printed(code, { env: { PACKAGE } }), '400\n')
})

it('callbacks of nextId get every error', async () => {
  const call = (name) => new Promise((resolve) => nextId(name, resolve))
  assert.equal((await call('')).code, INVALID)
  assert.equal((await call(5)).code, INVALID)
  await closeSequences()
})

it('an open store does not keep the process alive', async () => {
  const code = `const store = texample.openStore({ url: 'memory:', idle: 60000 }); console.log(await store.nextId('a'))`
  assert.equal(await printed(code), '1000\n')
})

it('fake timers do not stop the idle time', async () => {
  const code = `
    const { mock } = require('node:test')
    const sequence = texample.openSequence('a', { url: 'memory:' })
    await sequence.ready()
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
    const store = texample.openStore({ url: 'memory:', idle: 20 })
    await store.nextId('a')
    while (store.stats().sequences > 0) await new Promise(setImmediate)
    console.log('closed')`
  assert.equal(await printed(code), 'closed\n')
})

it('ten thousand names cost little memory each', async () => {
  const code = `
    const { readFileSync } = require('node:fs')
    const rss = () => Number(readFileSync('/proc/self/status', 'utf8').match(/VmRSS:\\s+(\\d+)/)[1])
    const store = texample.openStore({ url: 'memory:' })
    const draw = (prefix, count) =>
      Promise.all(Array.from({ length: count }, (_, i) => store.nextId(prefix + i)))
    await draw('warm', 100)
    gc()
    const before = rss()
    const ids = await draw('tenant-', 10000)
    gc()
    console.log(ids.every((id) => id === 1000), store.stats().sequences, rss() - before)
    await store.close()`
  const text = await printed(code, { flags: ['--expose-gc'] })
  const [right, sequences, kilobytes] = text.trim().split(' ')
  assert.deepEqual([right, sequences], ['true', '10100'])
  // Four kilobytes are the goal of a release build, which the benchmark measures; a debug build
  // takes more.
  assert.ok(Number(kilobytes) < 80_000, `${kilobytes} KB for ten thousand sequences`)
})

it('a callback of nextId gets the error of an unusable URL', async () => {
  const code = `
    texample.nextId((error) => console.log(error.code))
    texample.nextId('a', (error) => console.log(error.code))`
  const text = await printed(code, { env: { TEXAMPLE_IDS_URL: 'bogus' } })
  assert.equal(text, 'ERR_TEXAMPLE_INVALID_ARGUMENT\nERR_TEXAMPLE_INVALID_ARGUMENT\n')
})
