import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { start } from 'texample'
import { numbers } from './support/numbers.mjs'
import { block } from './support/threads.mjs'

const policies = ['block', 'drop-oldest', 'drop-newest', 'latest']

/**
 * Starts a ticker, lets it post while JavaScript is blocked, and collects what is delivered until
 * it is done. The thread has had its turn once it has posted something; on a busy machine that
 * takes longer than `blocked`.
 */
async function overflowed(options, blocked) {
  const seen = []
  const ticker = start((i) => seen.push(i), options)
  for (let tries = 0; ticker.stats().posted === 0 && tries < 500; tries++) block(blocked)
  block(blocked)
  const during = ticker.stats()
  await ticker.done
  return { seen, during, after: ticker.stats() }
}

it('block: the thread waits, nothing is lost', async () => {
  const { seen, during, after } = await overflowed({ interval: 0, count: 1000, capacity: 10 }, 20)
  assert.deepEqual([during.posted, during.queued, during.dropped], [10, 10, 0])
  assert.deepEqual(seen, numbers(1000))
  assert.deepEqual([after.posted, after.delivered, after.dropped], [1000, 1000, 0])
})

for (const [overflow, what, delivered] of [
  ['drop-oldest', 'the newest ticks wait', numbers(10, 990)],
  ['drop-newest', 'the oldest ticks wait', numbers(10)],
  ['latest', 'one tick waits, the newest', [999]],
]) {
  it(`${overflow}: ${what}`, async () => {
    const { seen, during, after } = await overflowed({ interval: 0, count: 1000, capacity: 10, overflow }, 20)
    const { length } = delivered
    assert.deepEqual([during.posted, during.queued, during.dropped], [1000, length, 1000 - length])
    assert.deepEqual(seen, delivered)
    assert.deepEqual([after.delivered, after.dropped, after.maxQueued], [length, 1000 - length, length])
  })
}

it('a dropping policy holds inside a slow callback', async () => {
  for (const [overflow, next] of [
    ['latest', (waited) => waited - 1],
    ['drop-oldest', (waited) => waited - 4],
    ['drop-newest', () => 1],
  ]) {
    const seen = []
    let waited = 0
    const ticker = start(
      (i) => {
        seen.push(i)
        if (seen.length === 2) return ticker.stop()
        // On a busy machine the first tick that is delivered may not be tick 0 any more.
        do block(1)
        while (ticker.stats().posted < i + 10)
        waited = ticker.stats().posted
      },
      { interval: 1, capacity: 4, overflow },
    )
    await ticker.done
    assert.ok(seen[1] >= next(waited), `${overflow} delivered ${seen[1]} of at least ${waited}`)
    if (overflow === 'drop-newest') assert.deepEqual(seen, [0, 1])
  }
})

it('ticks of a blocked time come in order, each once', async () => {
  const { seen, during } = await overflowed({ interval: 1, count: 100, capacity: 200 }, 50)
  assert.ok(during.queued >= 45, `${during.queued} queued`)
  assert.deepEqual(seen, numbers(100))
})

it('posted = delivered + dropped + queued', async () => {
  const cases = fc.record({
    overflow: fc.constantFrom(...policies),
    capacity: fc.constantFrom(1, 2, 31, 32, 33, 100, 5000),
    interval: fc.constantFrom(0, 0, 0.01, 0.1),
    count: fc.integer({ min: 1, max: 3000 }),
    batch: fc.boolean(),
    stopAt: fc.option(fc.integer({ min: 0, max: 300 })),
    rhythm: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 5 }),
  })
  await fc.assert(
    fc.asyncProperty(cases, async ({ stopAt, rhythm, ...options }) => {
      let calls = 0
      let delivered = 0
      let latest = -1
      const check = () => {
        const stats = ticker.stats()
        assert.equal(stats.posted, stats.delivered + stats.dropped + stats.queued)
        assert.equal(stats.delivered, delivered)
        assert.ok(stats.queued <= options.capacity)
        assert.ok(stats.maxQueued <= options.capacity)
        return stats
      }
      const ticker = start((value) => {
        for (const i of options.batch ? value : [value]) {
          assert.ok(i > latest)
          latest = i
          delivered++
        }
        if (calls < 20) block(rhythm[calls % rhythm.length] / 10)
        if (calls++ % 64 === 0) check()
        if (stopAt !== null && delivered > stopAt) ticker.stop()
      }, options)
      check()
      await ticker.done
      const { posted, queued, dropped } = check()
      assert.equal(queued, 0)
      if (stopAt === null) {
        assert.equal(posted, options.count)
        if (options.overflow === 'block') assert.equal(dropped, 0)
      }
    }),
    { numRuns: 150 },
  )
})
