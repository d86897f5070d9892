/** Ids without a database: options, order, the last number, closing. */

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { it } from 'node:test'
import fc from 'fast-check'
import { assertDistinct } from '../devtools/ids.mjs'
import { TexampleError } from '../js/index.mjs'
import { CLOSED, EXHAUSTED, failsAtOnce, INVALID, newName, openSequence, openStore } from './support/ids.mjs'

const memory = { url: 'memory:' }
const open = (options) => openSequence(newName(), { ...memory, ...options })

it('a new sequence starts at 1000, and its ids rise by one', async () => {
  const sequence = open()
  for (let id = 1000; id < 1100; id++) assert.equal(await sequence.nextId(), id)
})

it('the extremes of every option are taken', () => {
  for (const options of [
    { start: 0, horizon: 0, timeout: 0, bigint: true },
    { start: 1, horizon: 0.5, timeout: 0.5, collection: 'x' },
    { step: 1, maxStep: 1, maxWaiters: 1 },
    { start: 2 ** 53 - 1, horizon: 2 ** 31 - 1, timeout: 2 ** 31 - 1 },
    { step: 2 ** 31 - 1, maxStep: 2 ** 31 - 1, maxWaiters: 2 ** 53 - 1 },
    { start: undefined, step: undefined, maxStep: undefined, horizon: undefined, timeout: undefined },
    { collection: undefined, maxWaiters: undefined, bigint: undefined },
  ]) {
    open(options)
  }
  openSequence(undefined, memory)
})

it('what is wrong is said, without the password', async () => {
  for (const [options, text] of [
    [{ step: 11, maxStep: 10 }, /options\.step/],
    [{ start: 2 ** 53 }, /options\.start/],
    [{ url: 'http://ann:secret@host/' }, /another scheme/],
    [{ url: 'mongodb://ann:se/cret@host/' }, /no MongoDB connection string/],
    [{ url: 'sqlite:' }, /no usable name/],
    [{ collection: 'a\0b' }, /options\.collection/],
  ]) {
    assert.throws(
      () => openSequence(newName(), { ...memory, ...options }),
      (error) => {
        assert.match(error.message, text)
        assert.doesNotMatch(error.message, /cret/)
        return error instanceof RangeError && error.code === INVALID
      },
    )
  }
  const sequence = open({ maxStep: 100 })
  await assert.rejects(sequence.nextIds(101), { code: INVALID, name: 'RangeError' })
})

it('options left out are as in the open sequence', async () => {
  const shared = newName()
  const first = openSequence(shared, { ...memory, step: 7, start: 5 })
  const second = openSequence(shared, { ...memory, timeout: 5 })
  assert.equal(await first.nextId(), 5)
  assert.equal(await second.nextId(), 6)
  for (const options of [{ step: 8 }, { start: 6 }, { maxStep: 9 }, { horizon: 1 }]) {
    assert.throws(() => openSequence(shared, { ...memory, ...options }), { code: INVALID, name: 'RangeError' })
  }
  await Promise.all([first.close(), second.close()])
  const third = openSequence(shared, { ...memory, step: 8 })
  assert.equal(await third.nextId(), 7)
})

it('callbacks come later, and keep their async context', async () => {
  const sequence = open()
  const storage = new AsyncLocalStorage()
  let returned = false
  const seen = await new Promise((resolve) => {
    storage.run('context', () => {
      sequence.nextId((error, id) => resolve([error, id, returned, storage.getStore()]))
      returned = true
    })
  })
  assert.deepEqual(seen, [null, 1000, true, 'context'])
  await sequence.close()
  const error = await new Promise((resolve) => sequence.nextId((error) => resolve(error)))
  assert.equal(error.code, CLOSED)
})

it('ids rise within a handle in the order of its calls', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('one', 'many', 'sync', 'turn', 'ready'), { maxLength: 40 }),
      fc.integer({ min: 1, max: 12 }),
      async (calls, maxStep) => {
        const sequence = open({ step: 1, maxStep })
        const results = []
        for (const call of calls) {
          if (call === 'one') results.push(sequence.nextId().then((id) => [id]))
          else if (call === 'many') results.push(sequence.nextIds(maxStep))
          else if (call === 'sync') results.push(Promise.resolve([sequence.nextIdSync()]))
          else if (call === 'ready') results.push(sequence.ready().then(() => []))
          else await new Promise(setImmediate)
        }
        const ids = (await Promise.all(results)).flatMap((ids) => [...ids])
        assert.deepEqual(
          ids,
          ids.toSorted((a, b) => a - b),
        )
        assertDistinct(ids)
        assert.equal(sequence.stats().issued, ids.length)
        assert.ok(sequence.stats().maxWaitMs < 20_000, 'no call waited until its time was over')
      },
    ),
    { numRuns: 60 },
  )
})

it('any step from 1 to 1 000 000 serves a cold burst', async () => {
  for (const step of [1, 2, 9, 10, 11, 999, 1000, 1_000_000]) {
    for (const maxStep of [step, 1_000_000]) {
      const sequence = open({ step, maxStep })
      assertDistinct(await Promise.all(Array.from({ length: 1000 }, () => sequence.nextId())))
      if (maxStep > step) assert.ok(sequence.stats().claims <= 2, `${sequence.stats().claims} claims at ${step}`)
    }
  }
})

it('bigint sequences hand out bigints, past 2^53 too', async () => {
  const start = Number.MAX_SAFE_INTEGER - 2
  const shared = newName()
  const big = openSequence(shared, { ...memory, start, step: 4, bigint: true })
  const first = BigInt(start)
  assert.deepEqual(await big.nextIds(4), BigInt64Array.from([first, first + 1n, first + 2n, first + 3n]))
  assert.equal(await big.nextId(), first + 4n)
  assert.equal(big.nextIdSync(), first + 5n)
  await big.close()
  const number = openSequence(shared, memory)
  await assert.rejects(number.nextId(), { code: EXHAUSTED })
  assert.throws(() => number.nextIdSync(), { code: EXHAUSTED })
})

for (const served of [
  [2 ** 53 - 3, 2 ** 53 - 2, 2 ** 53 - 1],
  [2n ** 63n - 4n, 2n ** 63n - 3n, 2n ** 63n - 2n],
]) {
  const bigint = typeof served[0] === 'bigint'
  it(`the last ${bigint ? 'integers' : 'numbers'} are served, then an error`, async () => {
    const shared = newName()
    await openStore(memory).set(shared, served[0])
    const sequence = openSequence(shared, { ...memory, bigint })
    const begun = performance.now()
    const calls = await Promise.allSettled(Array.from({ length: 10 }, () => sequence.nextId()))
    const outcomes = calls.map(({ value, reason }) => value ?? reason.code)
    assert.deepEqual(outcomes, [...served, ...Array(7).fill(EXHAUSTED)])
    for (const call of [sequence.nextId(), sequence.nextIds(2)]) await assert.rejects(call, { code: EXHAUSTED })
    assert.ok(performance.now() - begun < 20_000, 'no call waited for the timeout')
  })
}

it('more ids than are left are an error', () =>
  failsAtOnce(open({ start: 2 ** 53 - 3, timeout: 60_000 }).nextIds(10), EXHAUSTED))

it('close gives unused ids back, and a closed handle says so', async () => {
  const shared = newName()
  const first = openSequence(shared, { ...memory, step: 100 })
  const second = openSequence(shared, memory)
  assert.equal(await first.nextId(), 1000)
  assert.equal(await second.nextId(), 1001)
  await first.close()
  await first.close()
  for (const call of [first.nextId(), first.nextIds(1), first.ready()]) await assert.rejects(call, { code: CLOSED })
  assert.throws(() => first.nextIdSync(), { code: CLOSED, name: 'TexampleError' })
  assert.equal(first.stats().issued, 1)
  assert.equal(await second.nextId(), 1002)
  await second.close()
  const third = openSequence(shared, memory)
  assert.equal(await third.nextId(), 1003)
  await third[Symbol.asyncDispose]()
  await assert.rejects(third.nextId(), TexampleError)
})

it('ready claims the first range and takes no id', async () => {
  const sequence = open()
  await sequence.ready()
  assert.equal(sequence.stats().claims, 1)
  assert.equal(sequence.nextIdSync(), 1000)
  assert.equal(sequence.stats().issued, 1)
})

it('stats count what was issued, claimed and waited for', async () => {
  const sequence = open({ step: 10 })
  await sequence.nextIds(25)
  const { issued, claimed, claims, waits, errors, retries, inHand, step, ratePerSecond, maxWaitMs } = sequence.stats()
  assert.equal(issued, 25)
  assert.ok(claimed >= 25 && claims >= 1 && waits === 1 && errors === 0 && retries === 0)
  assert.equal(typeof inHand, 'number')
  assert.ok(step >= 10 && ratePerSecond > 0 && maxWaitMs > 0)
})
