/** Calls that wait for a store: timeouts, signals, the end of their handle. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { printed, settled } from '../devtools/ids.mjs'
import { TexampleError } from '../js/index.mjs'
import { CLOSED, NOWHERE, newName, openSequence, UNAVAILABLE } from './support/ids.mjs'

const open = () => openSequence(newName(), { url: 'memory:' })

it('close before and during the first claim ends the waiters', async () => {
  await open().close()
  const sequence = openSequence(newName(), { url: NOWHERE })
  const waiting = [sequence.nextId(), sequence.nextIds(5), sequence.ready()].map(settled)
  await new Promise(setImmediate)
  const begun = performance.now()
  await sequence.close()
  assert.ok(performance.now() - begun < 14_000, 'bounded')
  for (const [, error] of await Promise.all(waiting)) assert.equal(error.code, CLOSED)
})

it('a store out of reach is told after the caller’s own time', async () => {
  const shared = newName()
  const short = openSequence(shared, { url: NOWHERE, timeout: 1500 })
  const long = openSequence(shared, { url: NOWHERE, timeout: 60_000 })
  const waiting = settled(long.nextId())
  const outcomes = await Promise.all([short.nextId(), short.nextIds(3), short.ready()].map(settled))
  for (const [, error] of outcomes) {
    assert.ok(error instanceof TexampleError)
    assert.equal(error.code, UNAVAILABLE)
    assert.match(error.cause.message, /refused|Server selection/i)
  }
  assert.throws(() => short.nextIdSync(), { code: UNAVAILABLE })
  assert.equal(await Promise.race([waiting, 'waits']), 'waits', 'one caller’s timeout is not another’s')
  assert.ok(short.stats().errors > 0)
})

it('no answer in time is SEQUENCE_TIMEOUT', async () => {
  const sequence = openSequence(newName(), { url: NOWHERE, timeout: 1 })
  await assert.rejects(sequence.nextId(), { code: 'ERR_TEXAMPLE_SEQUENCE_TIMEOUT' })
})

it('an AbortSignal ends one call and no other', async () => {
  const sequence = openSequence(newName(), { url: NOWHERE, timeout: 60_000 })
  const controller = new AbortController()
  const reason = new Error('enough')
  const aborted = settled(sequence.nextId({ signal: controller.signal }))
  const other = settled(sequence.nextId())
  controller.abort(reason)
  assert.deepEqual(await aborted, [undefined, reason])
  assert.deepEqual(await settled(sequence.nextId({ signal: controller.signal })), [undefined, reason])
  assert.equal(await Promise.race([other, 'waits']), 'waits')
})

it('an abort after the answer changes nothing', async () => {
  const memory = open()
  const late = new AbortController()
  assert.equal(await memory.nextId({ signal: late.signal }), 1000)
  late.abort()
  assert.equal(await memory.nextId(), 1001)
})

it('an aborted call costs no id', async () => {
  const sequence = open()
  const controller = new AbortController()
  const calls = Array.from({ length: 10 }, (_, i) => sequence.nextId(i % 2 ? { signal: controller.signal } : undefined))
  const outcomes = calls.map(settled)
  controller.abort()
  const ids = (await Promise.all(outcomes)).flatMap(([id]) => (id === undefined ? [] : [id]))
  assert.deepEqual(ids, [1000, 1001, 1002, 1003, 1004])
})

it('aborted calls leave nothing behind while others wait', async () => {
  const text = await printed(
    `
      const sequence = texample.openSequence('s', { url: '${NOWHERE}', timeout: 60_000 })
      const first = sequence.nextId().catch(() => {})
      const abort = async () => {
        const controller = new AbortController()
        const calls = Array.from({ length: 2000 }, () => sequence.nextId({ signal: controller.signal }).catch(() => {}))
        controller.abort()
        await Promise.all(calls)
        gc()
        return process.memoryUsage().heapUsed
      }
      await abort()
      const before = await abort()
      let after = before
      for (let i = 0; i < 30; i++) after = await abort()
      console.log((after - before) / 2 ** 20 < 8)
      await sequence.close()
    `,
    { flags: ['--expose-gc'] },
  )
  assert.equal(text, 'true\n')
})

it('no more than maxWaiters wait', async () => {
  const sequence = openSequence(newName(), { url: NOWHERE, maxWaiters: 3, timeout: 60_000 })
  const waiting = Array.from({ length: 3 }, () => settled(sequence.nextId()))
  await assert.rejects(sequence.nextId(), { code: 'ERR_TEXAMPLE_TOO_MANY_WAITERS' })
  await assert.rejects(sequence.ready(), { code: 'ERR_TEXAMPLE_TOO_MANY_WAITERS' })
  await sequence.close()
  for (const [, error] of await Promise.all(waiting)) assert.equal(error.code, CLOSED)
})
