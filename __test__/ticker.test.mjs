import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { afterEach, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import texample, { ticks } from 'texample'
import { numbers } from './support/numbers.mjs'
import { assertThreads, block, collectUncaught, threads } from './support/threads.mjs'

const addon = (await import('../js/native/loader.cjs')).default

const library = fileURLToPath(new URL('../js/index.cjs', import.meta.url))

const accounted = ({ posted, delivered, dropped, queued }) => posted === delivered + dropped + queued

const running = new Set()

function start(...args) {
  const ticker = texample.start(...args)
  running.add(ticker)
  return ticker
}

// A test that fails leaves nothing behind that would keep the process alive.
afterEach(() => {
  texample.callback = undefined
  for (const ticker of running) ticker.stop()
  running.clear()
})

it('ticks are the integers from 0, in order', async () => {
  const seen = []
  const ticker = start((...args) => seen.push(args), { interval: 1, count: 20 })
  await ticker.done
  assert.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, i) => [i]),
  )
})

it('without options the interval is five seconds', (t) => {
  const native = t.mock.method(addon, 'tickerStart')
  start(() => {}).stop()
  assert.deepEqual(native.mock.calls[0].arguments[0], {
    interval: 5000,
    count: undefined,
    capacity: 1024,
    overflow: 'block',
  })
})

it('the module’s callback has the module as this', async () => {
  const calls = []
  texample.callback = function (...args) {
    calls.push([this, ...args])
  }
  const ticker = start({ interval: 1, count: 3 })
  await ticker.done
  assert.deepEqual(
    calls.map(([, i]) => i),
    [0, 1, 2],
  )
  assert.ok(calls.every(([self]) => self === texample))
})

it('ticks without a callback are dropped', async () => {
  const seen = []
  texample.callback = (i) => {
    seen.push(i)
    texample.callback = i < 2 ? texample.callback : 'not a function'
  }
  const ticker = start({ interval: 0, count: 1000 })
  await ticker.done
  assert.deepEqual(seen, [0, 1, 2])
  const { posted, delivered, dropped, queued } = ticker.stats()
  assert.deepEqual({ posted, delivered, dropped, queued }, { posted: 1000, delivered: 3, dropped: 997, queued: 0 })
})

it('a callback set later receives the ticks from then on', async () => {
  const ticker = start(undefined, { interval: 1 })
  while (ticker.stats().dropped < 3) await new Promise(setImmediate)
  const first = await new Promise((resolve) => {
    texample.callback = resolve
  })
  assert.ok(first >= 3)
  ticker.stop()
  await ticker.done
  assert.ok(accounted(ticker.stats()))
})

it('a callback of its own goes before the one of the module', async () => {
  texample.callback = () => assert.fail('not this one')
  const seen = []
  await start((i) => seen.push(i), { interval: 0, count: 2 }).done
  assert.deepEqual(seen, [0, 1])
})

it('ticks are posted while JavaScript is blocked', async () => {
  const before = threads()
  const ticker = start(() => {}, { interval: 1, capacity: 2000 })
  block(1000)
  assertThreads('texample-ticker', 1)
  const { posted, queued, delivered } = ticker.stats()
  assert.ok(posted >= 990, `${posted} posted`)
  assert.equal(queued, posted)
  assert.equal(delivered, 0)
  ticker.stop()
  await ticker.done
  assertThreads('texample-ticker', 0)
  if (before !== undefined) assert.ok(threads() <= before)
})

it('no tick is early, and none drifts', async () => {
  const interval = 5
  const late = []
  const begin = performance.now()
  const ticker = start((i) => late.push(performance.now() - begin - (i + 1) * interval), { interval, count: 60 })
  await ticker.done
  assert.ok(Math.min(...late) > -0.5, `${Math.min(...late)} ms early`)
  // A drifting ticker would be late by more with every tick; here the least late of the last ticks
  // is like the first's.
  assert.ok(Math.min(...late.slice(-30)) < interval, `${Math.min(...late.slice(-30))} ms late at the end`)
})

it('fractions of a millisecond are intervals too', async () => {
  const begin = performance.now()
  const ticker = start(() => {}, { interval: 0.25, count: 100 })
  await ticker.done
  assert.ok(performance.now() - begin >= 24.9)
  assert.equal(ticker.stats().delivered, 100)
})

it('count ends a ticker, with all ticks delivered', async () => {
  for (const options of [
    { interval: 0, count: 1 },
    { interval: 0, count: 5000, capacity: 7 },
    { interval: 1, count: 3 },
  ]) {
    let delivered = 0
    const ticker = start(() => delivered++, options)
    await ticker.done
    assert.equal(delivered, options.count)
    assert.equal(ticker.stats().posted, options.count)
  }
})

it('batches hold every tick once', async () => {
  let next = 0
  const ticker = start(
    (batch) => {
      assert.ok(batch instanceof Float64Array)
      assert.ok(batch.length > 0 && batch.length <= 100)
      for (const i of batch) assert.equal(i, next++)
    },
    { interval: 0, count: 20_000, capacity: 100, batch: true },
  )
  await ticker.done
  assert.equal(next, 20_000)
  assert.equal(ticker.stats().delivered, 20_000)
})

it('a transferred batch costs nothing but itself', async () => {
  let next = 0
  const ticker = start(
    (batch) => {
      for (const i of batch) assert.equal(i, next++)
      structuredClone(batch, { transfer: [batch.buffer] })
    },
    { interval: 0, count: 5000, batch: true },
  )
  await ticker.done
  assert.equal(next, 5000)
})

it('stats say where each tick is, at every moment', async () => {
  let largest = 0
  const ticker = start(
    (i) => {
      const stats = ticker.stats()
      assert.ok(accounted(stats))
      assert.equal(stats.delivered, i + 1)
      assert.ok(stats.queued <= 64)
      largest = Math.max(largest, stats.queued)
    },
    { interval: 0, count: 500, capacity: 64 },
  )
  while (ticker.stats().queued < 64) block(1)
  block(20)
  assert.equal(ticker.stats().queued, 64)
  await ticker.done
  const stats = ticker.stats()
  assert.deepEqual(Object.keys(stats).sort(), [
    ...['delivered', 'dropped', 'error', 'maxLagMs', 'maxQueued', 'posted', 'queued', 'wakeups'],
  ])
  assert.equal(stats.maxQueued, 64)
  assert.ok(stats.maxLagMs >= 19, `${stats.maxLagMs} ms`)
  assert.ok(stats.wakeups >= 1)
  assert.equal(stats.error, null)
})

it('a burst wakes the event loop once', async () => {
  const ticker = start(() => {}, { interval: 0, count: 1000 })
  while (ticker.stats().posted < 1000) block(1)
  assert.equal(ticker.stats().wakeups, 1)
  await ticker.done
})

it('maxLagMs is the longest time from due to delivered', async () => {
  const ticker = start((i) => i === 2 && block(30), { interval: 2, count: 20 })
  await ticker.done
  assert.ok(ticker.stats().maxLagMs >= 27, `${ticker.stats().maxLagMs} ms`)
})

it('several tickers run at once, each with its own ticks', async () => {
  const seen = Array.from({ length: 8 }, () => [])
  const tickers = seen.map((list, n) => start((i) => list.push(i), { interval: n / 4, count: 50 }))
  await Promise.all(tickers.map(({ done }) => done))
  for (const list of seen) {
    assert.deepEqual(list, numbers(50))
  }
})

it('flat out, timers and immediates still get their turns', async () => {
  const ticker = start(() => {}, { interval: 0 })
  let turns = 0
  const turn = () => {
    turns++
    immediate = setImmediate(turn)
  }
  let immediate = setImmediate(turn)
  const begin = performance.now()
  await new Promise((resolve) => setTimeout(resolve, 300))
  const after = performance.now() - begin
  clearImmediate(immediate)
  ticker.stop()
  await ticker.done
  assert.ok(after < 600, `a timer of 300 ms fired after ${after} ms`)
  assert.ok(turns > 50, `${turns} turns`)
})

it('slow callbacks get one turn each', async () => {
  const perTurn = []
  let inTurn = 0
  const ticker = start(
    () => {
      inTurn++
      block(3)
    },
    { interval: 0, count: 40 },
  )
  const turn = () => {
    perTurn.push(inTurn)
    inTurn = 0
    immediate = setImmediate(turn)
  }
  let immediate = setImmediate(turn)
  await ticker.done
  clearImmediate(immediate)
  // The first turn starts from a guess and the chunk halves from there.
  assert.ok(Math.max(...perTurn) <= 4, `${Math.max(...perTurn)} ticks in a turn`)
})

/**
 * The end of a thread that has panicked, as the native half tells it. No tick can make one panic.
 */
function panicking(body) {
  const { tickerEnd } = addon
  addon.tickerEnd = (ticks) => {
    tickerEnd(ticks)
    throw Object.assign(new Error('the thread "texample-ticker" panicked: told to'), {
      code: 'ERR_TEXAMPLE_THREAD_PANICKED',
    })
  }
  return body().finally(() => {
    addon.tickerEnd = tickerEnd
  })
}

it('a panic of the thread rejects done', async () => {
  const ticker = start(() => {}, { interval: 0, count: 1 })
  await panicking(() =>
    assert.rejects(ticker.done, (error) => {
      assert.ok(error instanceof texample.TexampleError)
      assert.equal(error.code, 'ERR_TEXAMPLE_THREAD_PANICKED')
      assert.match(error.message, /panicked: told to/)
      return true
    }),
  )
  assert.equal(ticker.stats().error?.code, 'ERR_TEXAMPLE_THREAD_PANICKED')
  ticker.stop()
  assertThreads('texample-ticker', 0)
  await start(() => {}, { interval: 0, count: 1 }).done
})

it('a throwing callback loses no later tick', () =>
  collectUncaught(async (uncaught) => {
    for (const options of [
      { interval: 0, capacity: 8 },
      { interval: 0, capacity: 4096 },
      { interval: 0.5 },
      { interval: 0, overflow: 'drop-newest' },
    ]) {
      uncaught.length = 0
      const seen = []
      const ticker = start(
        (i) => {
          assert.equal(uncaught.length, Math.ceil(seen.length / 3))
          seen.push(i)
          if (seen.length % 3 === 1) throw new Error(`tick ${i}`)
        },
        { ...options, count: 100 },
      )
      await ticker.done
      const { delivered, dropped } = ticker.stats()
      assert.equal(delivered, seen.length)
      assert.equal(delivered + dropped, 100)
      if (options.overflow === undefined) {
        assert.deepEqual(seen, numbers(100))
      }
      assert.deepEqual(
        uncaught.map(({ message }) => message),
        seen.filter((_, n) => n % 3 === 0).map((i) => `tick ${i}`),
      )
      assert.match(uncaught[0].stack, /ticker\.test\.mjs/)
    }
  }))

it('what is thrown need not be an error', () =>
  collectUncaught(async (uncaught) => {
    const values = ['text', undefined, null, 7, Symbol.iterator]
    await start(
      (i) => {
        throw values[i]
      },
      { interval: 0, count: values.length },
    ).done
    assert.deepEqual(uncaught, values)
  }))

it('a batch callback that throws loses no later batch', () =>
  collectUncaught(async (uncaught) => {
    let next = 0
    await start(
      (batch) => {
        for (const i of batch) assert.equal(i, next++)
        throw new Error('each time')
      },
      { interval: 0, count: 3000, capacity: 50, batch: true },
    ).done
    assert.equal(next, 3000)
    assert.ok(uncaught.length >= 60)
  }))

it('microtasks run after each batch', async () => {
  const log = []
  const ticker = start(
    (i) => {
      log.push(i)
      queueMicrotask(() => log.push(`microtask ${i}`))
      process.nextTick(() => log.push(`tick ${i}`))
      setImmediate(() => log.push(`immediate ${i}`))
    },
    { interval: 0, count: 2, capacity: 64 },
  )
  while (ticker.stats().posted < 2) block(1)
  await ticker.done
  await new Promise(setImmediate)
  assert.deepEqual(log.indexOf('microtask 0') < log.indexOf('immediate 0'), true)
  assert.deepEqual(log.indexOf('tick 0') < log.indexOf('microtask 0'), true)
  assert.deepEqual(
    log.filter((entry) => typeof entry === 'number'),
    [0, 1],
  )
})

it('ticks() ends its thread on break', async () => {
  const seen = []
  for await (const i of ticks({ interval: 1 })) {
    assertThreads('texample-ticker', 1)
    seen.push(i)
    if (i === 5) break
  }
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5])
  await gone()
})

it('ticks() starts its thread at the first next()', async () => {
  const iterator = ticks({ interval: 1 })[Symbol.asyncIterator]()
  assertThreads('texample-ticker', 0)
  assert.deepEqual(await iterator.next(), { done: false, value: 0 })
  assertThreads('texample-ticker', 1)
  assert.deepEqual(await iterator.return('value'), { done: true, value: 'value' })
  assert.deepEqual(await iterator.next(), { done: true, value: undefined })
  await gone()
  const unused = ticks()[Symbol.asyncIterator]()
  await unused.return()
  assert.deepEqual(await unused.next(), { done: true, value: undefined })
})

it('ticks() flat out leaves the event loop its turns', async () => {
  let turns = 0
  const immediate = setInterval(() => turns++, 1)
  let next = 0
  for await (const i of ticks({ interval: 0, count: 50_000, capacity: 16 })) assert.equal(i, next++)
  clearInterval(immediate)
  assert.equal(next, 50_000)
  assert.ok(turns > 3, `${turns} turns`)
  await gone()
})

it('ticks() answers concurrent next() calls in order', async () => {
  const iterator = ticks({ interval: 1, count: 3 })[Symbol.asyncIterator]()
  const results = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()])
  assert.deepEqual(
    results.map(({ value }) => value),
    [0, 1, 2, undefined],
  )
  const slow = ticks({ interval: 60_000 })[Symbol.asyncIterator]()
  const waiting = slow.next()
  await slow.return()
  assert.deepEqual(await waiting, { done: true, value: undefined })
  const thrown = ticks({ interval: 1 })[Symbol.asyncIterator]()
  await thrown.next()
  await assert.rejects(thrown.throw(new Error('mine')), /mine/)
  await gone()
})

it('ticks() takes a tick for each next()', async () => {
  const iterator = ticks({ interval: 1, capacity: 3, overflow: 'latest' })[Symbol.asyncIterator]()
  try {
    // On a busy machine the first tick to be taken may not be the first one.
    const first = (await iterator.next()).value
    block(50)
    assert.ok((await iterator.next()).value > first + 20, 'the newest waits, not the oldest')
  } finally {
    await iterator.return()
  }
  const blocked = ticks({ interval: 1, capacity: 3 })[Symbol.asyncIterator]()
  assert.equal((await blocked.next()).value, 0)
  block(50)
  for (let i = 1; i < 10; i++) assert.equal((await blocked.next()).value, i)
  await blocked.return()
})

it('ticks() rejects with an AbortError', async () => {
  const isAbortError = (reason) => (error) => {
    assert.equal(error.name, 'AbortError')
    assert.equal(error.code, 'ABORT_ERR')
    assert.equal(error.cause, reason)
    return true
  }
  const before = ticks({ signal: AbortSignal.abort('early') })[Symbol.asyncIterator]()
  await assert.rejects(before.next(), isAbortError('early'))
  assert.deepEqual(await before.next(), { done: true, value: undefined })

  const controller = new AbortController()
  const during = ticks({ interval: 60_000, signal: controller.signal })[Symbol.asyncIterator]()
  const waiting = [during.next(), during.next()]
  controller.abort('meanwhile')
  await assert.rejects(waiting[0], isAbortError('meanwhile'))
  assert.deepEqual(await waiting[1], { done: true, value: undefined })

  const between = new AbortController()
  await assert.rejects(async () => {
    for await (const i of ticks({ interval: 1, signal: between.signal })) if (i === 2) between.abort('between')
  }, isAbortError('between'))
  await gone()
})

it('ticks() tells of a thread that panicked', () =>
  panicking(async () => {
    const iterator = ticks({ interval: 0, count: 1 })[Symbol.asyncIterator]()
    await iterator.next()
    await assert.rejects(iterator.next(), { code: 'ERR_TEXAMPLE_THREAD_PANICKED' })
    assert.deepEqual(await iterator.next(), { done: true, value: undefined })
  }))

it('ticks({ ref: false }) lets the process end', () => {
  for (const [ref, printed] of [
    [false, ''],
    [true, '0\n'],
  ]) {
    const source = `const { ticks } = require(${JSON.stringify(library)})
      ticks({ interval: 200, ref: ${ref} }).next().then(({ value }) => (console.log(value), process.exit()))`
    const { stdout, status } = spawnSync(process.execPath, ['-e', source], { encoding: 'utf8', timeout: 20_000 })
    assert.deepEqual([stdout, status], [printed, 0])
  }
})

/** The thread of an iterator has no `done` to wait for; it ends within turns of the event loop. */
async function gone() {
  while (threads('texample-ticker') > 0) await new Promise(setImmediate)
}

it('a system without a thread to give is an error', () => {
  const source = `const { start, ticks } = require(${JSON.stringify(library)})
    try { start(() => {}) } catch (error) { console.log(error.code) }
    ticks().next().catch((error) => console.log(error.code))
    process.on('uncaughtException', (error) => console.log('uncaught', error))`
  // No system has a stack of 64 TiB.
  const env = { ...process.env, RUST_MIN_STACK: String(2 ** 46) }
  const { stdout, status } = spawnSync(process.execPath, ['-e', source], { env, encoding: 'utf8', timeout: 20_000 })
  assert.equal(stdout, 'ERR_TEXAMPLE_THREAD_PANICKED\nERR_TEXAMPLE_THREAD_PANICKED\n')
  assert.equal(status, 0)
})
