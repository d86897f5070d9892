/** Options of `start` and `ticks` that are right; errors.test.mjs has those that are wrong. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { start, ticks } from 'texample'

const callback = () => {}

it('an option that is undefined has its default', async () => {
  const nothing = { count: undefined, capacity: undefined, overflow: undefined, signal: undefined, batch: undefined }
  const ticker = start(callback, { ...nothing, interval: undefined, colour: undefined })
  assert.deepEqual(ticker.stats().posted, 0)
  ticker.stop()
  const other = start(undefined, undefined)
  other.stop()
  await Promise.all([ticker.done, other.done])
})

it('an unknown option that is inherited is an error', () => {
  const options = Object.create({ batches: true })
  const unknown = { name: 'TypeError', code: 'ERR_TEXAMPLE_INVALID_ARGUMENT', message: /options\.batches/ }
  assert.throws(() => start(callback, options), unknown)
  assert.throws(() => ticks(options), unknown)
})

it('the extremes of every range are taken', async () => {
  for (const options of [
    { interval: 2 ** 31 - 1, count: Number.MAX_SAFE_INTEGER, capacity: 2 ** 24 },
    { interval: 0, count: 1, capacity: 1 },
    { interval: Number.MIN_VALUE, count: 1, capacity: 1 },
    { interval: -0, count: 1 },
  ]) {
    const ticker = start(callback, options)
    if (options.count > 1) ticker.stop()
    await ticker.done
  }
})

it('an option is read once', () => {
  let reads = 0
  const ticker = start(callback, {
    get interval() {
      reads++
      return 1000
    },
  })
  ticker.stop()
  assert.equal(reads, 1)
  const getter = {
    get capacity() {
      throw new Error('mine')
    },
  }
  assert.throws(() => start(callback, getter), /mine/)
})
