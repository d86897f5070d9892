import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { start } from 'texample'
import { numbers } from './support/numbers.mjs'
import { assertThreads, block } from './support/threads.mjs'

const accounted = ({ posted, delivered, dropped, queued }) => posted === delivered + dropped + queued

it('nothing is delivered after stop() returns', async () => {
  for (const options of [
    { interval: 0 },
    { interval: 0, capacity: 65_536 },
    { interval: 0.1 },
    { interval: 0, batch: true },
  ]) {
    let stopped = false
    const ticker = start(() => assert.ok(!stopped), options)
    while (ticker.stats().delivered === 0) await new Promise(setImmediate)
    block(10)
    ticker.stop()
    stopped = true
    await ticker.done
    await sleep(20)
    const stats = ticker.stats()
    assert.equal(stats.queued, 0)
    assert.ok(accounted(stats))
  }
})

it('stop() inside the callback drops the rest', async () => {
  for (const at of [0, 1, 17, 1000]) {
    let delivered = 0
    const ticker = start(
      (i) => {
        delivered++
        assert.ok(i <= at)
        if (i === at) ticker.stop()
      },
      { interval: 0, capacity: 4096 },
    )
    block(5)
    await ticker.done
    assert.equal(delivered, at + 1)
    const stats = ticker.stats()
    assert.equal(stats.delivered, at + 1)
    assert.equal(stats.posted, stats.delivered + stats.dropped)
    assert.equal(stats.queued, 0)
  }
})

it('stop() inside a batch callback is the end', async () => {
  let calls = 0
  const ticker = start(
    () => {
      calls++
      ticker.stop()
    },
    { interval: 0, batch: true },
  )
  await ticker.done
  await sleep(10)
  assert.equal(calls, 1)
  assert.ok(accounted(ticker.stats()))
})

it('stop() before the first tick, twice, and after the end', async () => {
  const ticker = start(() => assert.fail('no tick'), { interval: 1 })
  ticker.stop()
  ticker.stop()
  await ticker.done
  ticker.stop()
  const counted = start(() => {}, { interval: 0, count: 3 })
  await counted.done
  counted.stop()
  counted.stop()
  assert.equal(counted.stats().delivered, 3)
})

it('stop() ends a thread that sleeps or is blocked', async () => {
  const begin = performance.now()
  const sleeper = start(() => {}, { interval: 2 ** 31 - 1 })
  const blocked = start(() => {}, { interval: 0, capacity: 1 })
  block(5)
  sleeper.stop()
  blocked.stop()
  await Promise.all([sleeper.done, blocked.done])
  assert.ok(performance.now() - begin < 2000)
  assertThreads('texample-ticker', 0)
})

it('a callback may start a ticker and stop its own', async () => {
  const seen = []
  const inner = await new Promise((resolve) => {
    const outer = start(
      (i) => {
        if (i !== 1) return
        outer.stop()
        const inner = start((k) => seen.push(k), { interval: 0, count: 100 })
        resolve(inner)
        assert.equal(seen.length, 0, 'a callback is never called inside start()')
      },
      { interval: 0 },
    )
  })
  await inner.done
  assert.deepEqual(seen, numbers(100))
})

it('a ticker may stop another', async () => {
  let stopped = false
  const victim = start(() => assert.ok(!stopped), { interval: 0 })
  const killer = start(
    () => {
      victim.stop()
      stopped = true
    },
    { interval: 2, count: 1 },
  )
  await Promise.all([victim.done, killer.done])
})

it('dispose is stop', async () => {
  const ticker = start(() => assert.fail('no tick'), { interval: 1 })
  ticker[Symbol.dispose]()
  await ticker.done
})

it('a signal that has aborted starts no thread', async () => {
  const ticker = start(() => assert.fail('no tick'), { interval: 0, signal: AbortSignal.abort() })
  assertThreads('texample-ticker', 0)
  await ticker.done
  ticker.stop()
  assert.equal(ticker.unref().ref().hasRef(), true)
  const { posted, delivered, dropped, queued, error } = ticker.stats()
  assert.deepEqual([posted, delivered, dropped, queued, error], [0, 0, 0, 0, null])
})

it('a signal stops the ticker as stop() does', async () => {
  const outside = new AbortController()
  let aborted = false
  const ticker = start(() => assert.ok(!aborted), { interval: 0, signal: outside.signal })
  await new Promise(setImmediate)
  outside.abort()
  aborted = true
  await ticker.done

  const inside = new AbortController()
  let calls = 0
  const other = start(
    () => {
      calls++
      inside.abort()
    },
    { interval: 0, signal: inside.signal },
  )
  await other.done
  assert.equal(calls, 1)
  assert.ok(accounted(other.stats()))

  const after = new AbortController()
  const ended = start(() => {}, { interval: 0, count: 1, signal: after.signal })
  await ended.done
  after.abort()
  assert.equal(ended.stats().delivered, 1)
})

it('a ticker that has ended no longer listens to its signal', async () => {
  const { getEventListeners } = await import('node:events')
  const { signal } = new AbortController()
  const tickers = [start(() => {}, { interval: 0, count: 1, signal }), start(() => {}, { interval: 1, signal })]
  assert.equal(getEventListeners(signal, 'abort').length, 2)
  tickers[1].stop()
  await Promise.all(tickers.map(({ done }) => done))
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

it('done is one promise, pending while the ticker runs', async () => {
  const ticker = start(() => {}, { interval: 1 })
  assert.equal(ticker.done, ticker.done)
  assert.equal(await Promise.race([ticker.done, sleep(5, 'pending')]), 'pending')
  ticker.stop()
  assert.equal(await ticker.done, undefined)
})

it('ref, unref and hasRef are those of a Timeout', () => {
  const ticker = start(() => {}, { interval: 1000 })
  assert.equal(ticker.hasRef(), true)
  assert.equal(ticker.unref(), ticker)
  assert.equal(ticker.hasRef(), false)
  assert.equal(ticker.unref().hasRef(), false)
  assert.equal(ticker.ref(), ticker)
  assert.equal(ticker.hasRef(), true)
  ticker.stop()
  ticker.ref()
  ticker.unref()
})
