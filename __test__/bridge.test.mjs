/**
 * The bridge as authors of add-ons use it: messages, their failures, the ends of threads, and flow
 * control.
 */

import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { afterEach, it } from 'node:test'
import { cases as addon, script } from './support/bridge-cases.mjs'
import { numbers } from './support/numbers.mjs'
import { block, collectUncaught, measureTurns, threads } from './support/threads.mjs'

const accounted = ([posted, delivered, failed, dropped, waiting]) =>
  assert.equal(posted, delivered + failed + dropped + waiting)

// A test that fails leaves nothing behind that would keep the process alive.
const opened = new Set()
afterEach(() => {
  for (const bridge of opened) bridge.stop()
  opened.clear()
})

/** A subclass of a bridge, each instance of which is stopped at the end of its test. */
function tracked(Class) {
  return class extends Class {
    constructor(...args) {
      super(...args)
      opened.add(this)
    }

    static open(...args) {
      const bridge = Class.open(...args)
      opened.add(bridge)
      return bridge
    }
  }
}

const cases = { ...addon, Source: tracked(addon.Source), Reader: tracked(addon.Reader) }

/** Numbers until `count` have come. */
function received(options) {
  const seen = []
  const source = new cases.Source({ ...options, each: true }, (number) => void seen.push(number))
  return source.done().then(() => ({ seen, stats: source.stats() }))
}

it('each calls with one message, in order, to the last', async () => {
  const { seen, stats } = await received({ count: 5000, capacity: 64 })
  assert.deepEqual(seen, numbers(5000))
  assert.deepEqual(stats, [5000, 5000, 0, 0, 0])
})

it('batches hold every message once', async () => {
  const seen = []
  const source = new cases.Source({ count: 5000, capacity: 64 }, (batch) => void seen.push(...batch))
  await source.done()
  assert.equal(seen.length, 5000)
  assert.ok(seen.every((number, index) => number === index))
  assert.deepEqual(source.stats(), [5000, 5000, 0, 0, 0])
})

for (const [what, wait, work] of [
  ['is waited for', true, () => new Promise(setImmediate)],
  ['takes as long for one as for many', false, () => block(0.5)],
]) {
  it(`a callback that ${what} gets batches`, async () => {
    let calls = 0
    let count = 0
    const source = new cases.Source({ count: 4000, wait }, (batch) => {
      calls++
      count += batch.length
      return work()
    })
    await source.done()
    assert.equal(count, 4000)
    assert.ok(calls < 1000, `${calls} calls`)
  })
}

it('a tuple is several arguments', async () => {
  const calls = []
  await cases.pairs((...args) => void calls.push(args)).done()
  assert.deepEqual(calls, [
    [0, 'number 0'],
    [1, 'number 1'],
    [2, 'number 2'],
  ])
})

it('post_all takes messages of any kind', async () => {
  const words = ['one', 'two', 'three']
  const seen = []
  await cases.texts(words, (batch) => void seen.push(...batch)).done()
  assert.deepEqual(seen, words)
})

it('frames of bytes are Buffers', async () => {
  let next = 0
  await cases
    .frames(100, 65_536, (frame) => {
      assert.ok(Buffer.isBuffer(frame) && frame.length === 65_536)
      assert.ok(frame[0] === next && frame.at(-1) === next)
      next++
    })
    .done()
  assert.equal(next, 100)
})

for (const way of ['fussyEach', 'fussyBatches']) {
  it(`${way}: a message that cannot be converted costs no other`, () =>
    collectUncaught(async (uncaught) => {
      const seen = []
      const bridge = cases[way]((messages) => void seen.push(...[messages].flat()))
      await bridge.done()
      assert.deepEqual(seen, [0, 1, 2, 4, 6, 7])
      assert.deepEqual(
        uncaught.map(({ message }) => message),
        ['three is not accepted', 'the conversion of a message panicked: five is worse'],
      )
      assert.deepEqual(bridge.stats(), [8, 6, 2, 0, 0])
    }))
}

it('a callback that throws fails its message alone', () =>
  collectUncaught(async (uncaught) => {
    const seen = []
    const source = new cases.Source({ count: 100, capacity: 64, each: true }, function thrower(number) {
      seen.push(number)
      if (number % 10 === 3) throw new Error(`number ${number}`)
    })
    await source.done()
    assert.equal(seen.length, 100)
    assert.deepEqual(source.stats(), [100, 90, 10, 0, 0])
    assert.equal(uncaught.length, 10)
    assert.match(uncaught[0].stack, /number 3\n\s+at thrower/)
  }))

it('counters add up at every moment', async () => {
  const source = new cases.Source({ capacity: 64, each: true }, (number) => {
    accounted(source.stats())
    if (number === 500) source.stop()
  })
  for (let i = 0; i < 20; i++) {
    accounted(source.stats())
    await new Promise(setImmediate)
  }
  await source.done()
  const [, delivered, , , waiting] = source.stats()
  assert.deepEqual([delivered, waiting], [501, 0])
  accounted(source.stats())
})

it('nothing is delivered after stop', async () => {
  const seen = []
  const source = new cases.Source({ capacity: 64, each: true }, (number) => {
    seen.push(number)
    if (number === 40) source.stop()
  })
  await source.done()
  assert.equal(seen.at(-1), 40)
  source.stop()
})

it('the 1025th post on the thread of JavaScript is Full', async () => {
  const seen = []
  const source = cases.Source.open({}, (batch) => void seen.push(...batch))
  for (let i = 0; i < 1024; i++) assert.equal(source.post(i), 'ok')
  assert.equal(source.post(1024), 'full 1024')
  assert.equal(source.tryPost(1024), 'full 1024')
  assert.equal(source.postAll([1024, 1025]), 'full 1024')
  source.release()
  await source.done()
  assert.equal(seen.length, 1024)
})

it('a producer under drop-newest learns of it by try_post', async () => {
  const source = cases.Source.open({ capacity: 2, overflow: 'drop-newest' }, () => {})
  assert.deepEqual([source.tryPost(1), source.tryPost(2), source.tryPost(3)], ['ok', 'ok', 'full 3'])
  assert.equal(source.post(3), 'ok')
  assert.deepEqual(source.stats(), [3, 0, 0, 1, 2])
  source.stop()
  assert.equal(source.tryPost(4), 'closed 4')
  assert.deepEqual(source.stats(), [3, 0, 0, 3, 0])
})

it('a bridge that was opened ends with its last producer', async () => {
  const seen = []
  const source = cases.Source.open({}, (batch) => void seen.push(...batch))
  source.post(7)
  let ended = false
  const done = source.done().then(() => (ended = true))
  await new Promise(setImmediate)
  assert.equal(ended, false)
  source.release()
  await done
  assert.deepEqual(seen, [7])
})

it('two kinds of messages are one bridge, in one order', async () => {
  const events = []
  await cases.process(1000, (event) => void events.push(event)).done()
  assert.equal(events.length, 1001)
  assert.deepEqual(events.at(-1), { code: 0 })
  assert.deepEqual(events[999], { line: 'line 999' })
})

for (const [end, expected] of [
  ['coded', { code: 'ERR_DEVICE_GONE', message: 'the device was unplugged' }],
  ['napi', { code: 'ERR_NAMED', message: 'a napi error' }],
  ['io', { code: 'ENOENT' }],
  ['thrown', { code: 'E_DENIED', message: 'not for you' }],
  ['text', { code: 'ERR_TEXAMPLE_THREAD_FAILED', message: 'only a text' }],
  ['panic', { code: 'ERR_TEXAMPLE_THREAD_PANICKED', message: 'the thread "source" panicked: unplugged' }],
]) {
  it(`done rejects after the last message: ${end}`, () =>
    collectUncaught(async (uncaught) => {
      const seen = []
      const source = new cases.Source(
        { count: 3000, capacity: 64, each: true, end },
        (number) => void seen.push(number),
      )
      await assert.rejects(source.done(), (error) => {
        assert.ok(error instanceof Error)
        for (const [key, value] of Object.entries(expected)) assert.equal(error[key], value)
        if (end === 'coded') assert.equal(error.cause.message, 'no answer')
        return true
      })
      assert.equal(seen.length, 3000)
      await assert.rejects(source.done(), { code: expected.code })
      assert.deepEqual(uncaught, [])
    }))
}

it('a device that does not open is told by done alone', () =>
  collectUncaught(async (uncaught) => {
    const source = new cases.Source({ count: 0, end: 'io' }, () => assert.fail('no message'))
    await assert.rejects(source.done(), { code: 'ENOENT' })
    await new Promise(setImmediate)
    assert.deepEqual(uncaught, [])
  }))

it('an error that done was not asked for is uncaught', () =>
  collectUncaught(async (uncaught) => {
    new cases.Source({ count: 0, end: 'coded' }, () => {})
    while (uncaught.length === 0) await new Promise(setImmediate)
    assert.equal(uncaught[0].code, 'ERR_DEVICE_GONE')
  }))

it('when done settles the device can be opened again', async () => {
  for (let i = 0; i < 3; i++) {
    const first = await new Promise((resolve) => {
      const opened = cases.exclusive(() => resolve(opened))
    })
    await assert.rejects(cases.exclusive(() => {}).done(), { code: 'ERR_LOCKED' })
    first.stop()
    await first.done()
  }
})

it('a name with a NUL is an error, and nothing is left', () => {
  for (const options of [{ name: 'COM1\0' }, { name: '\0', each: true }]) {
    const expected = { code: 'ERR_TEXAMPLE_INVALID_ARGUMENT', message: /must not contain NUL/ }
    assert.throws(() => new cases.Source(options, () => {}), expected)
    assert.throws(() => cases.Source.open(options, () => {}), expected)
  }
})

it('on_stop ends a thread that is in read(2)', async () => {
  const reader = new cases.Reader(() => assert.fail('no byte'))
  while (threads('reader') === 0) await new Promise(setImmediate)
  reader.stop()
  await assert.rejects(reader.done(), { code: 'EPIPE' })
  assert.equal(threads('reader'), 0)
})

it('on_stop is called once, and its failed read is fine', () =>
  collectUncaught(async (uncaught) => {
    const before = cases.interrupted()
    const reader = new cases.Reader(() => {})
    reader.stop()
    reader.stop()
    while (threads('reader') > 0) await new Promise(setImmediate)
    await new Promise(setImmediate)
    assert.equal(cases.interrupted(), before + 1)
    assert.deepEqual(uncaught, [])
  }))

it('a panic of on_stop is told by done', async () => {
  const reader = new cases.Reader(() => {}, 'panic')
  const done = reader.done()
  reader.stop()
  await assert.rejects(done)
})

it('wait_for_callback: no two calls overlap', async () => {
  let running = 0
  const source = new cases.Source({ count: 200, each: true, wait: true, capacity: 64 }, async () => {
    assert.equal(running++, 0)
    await new Promise(setImmediate)
    running--
  })
  await source.done()
  assert.deepEqual(source.stats(), [200, 200, 0, 0, 0])
})

it('wait_for_callback: a rejection fails one message', () =>
  collectUncaught(async (uncaught) => {
    const source = new cases.Source({ count: 20, each: true, wait: true }, async (number) => {
      await null
      if (number === 7) throw new Error('seven')
    })
    await source.done()
    assert.deepEqual(source.stats(), [20, 19, 1, 0, 0])
    assert.deepEqual(
      uncaught.map(({ message }) => message),
      ['seven'],
    )
  }))

it('wait_for_callback: anything with a then is waited for', async () => {
  const seen = []
  const source = new cases.Source({ count: 3, each: true, wait: true }, (number) => ({
    // biome-ignore lint/suspicious/noThenProperty: that is what is tested
    then(resolve) {
      setImmediate(() => {
        seen.push(number)
        resolve()
      })
    },
  }))
  await source.done()
  assert.deepEqual(seen, [0, 1, 2])
})

it('wait_for_callback: stop ends a pending promise', async () => {
  /** @type {any} */
  let source
  await new Promise((resolve) => {
    source = new cases.Source({ each: true, wait: true }, () => {
      resolve(undefined)
      return new Promise(() => {})
    })
  })
  source.stop()
  await source.done()
  const [, delivered] = source.stats()
  assert.equal(delivered, 1)
})

it('wait_for_callback: a collected promise blocks nothing', async () => {
  assert.equal(
    await script(`
      const source = new cases.Source({ count: 3, each: true, wait: true }, () => new Promise(() => {}))
      const collecting = setInterval(() => gc(), 5)
      source.done().then(() => { clearInterval(collecting); console.log(source.stats().join()) })`),
    '3,0,3,0,0',
  )
})

it('a Readable that is full holds the thread back', async () => {
  let isFull = false
  let early = 0
  let resume = () => {}
  const read = () => {
    isFull = false
    resume()
  }
  const readable = new Readable({ objectMode: true, highWaterMark: 16, read })
  const filled = new Promise((resolve) => {
    const source = new cases.Source({ count: 10_000, each: true, wait: true, capacity: 64 }, (number) => {
      if (isFull) early++
      isFull = !readable.push(number)
      if (!isFull) return
      resolve(undefined)
      return new Promise((settle) => {
        resume = settle
      })
    })
    source.done().then(() => readable.push(null))
  })
  await filled
  assert.equal(readable.readableLength, 16)
  let next = 0
  for await (const number of readable) assert.equal(number, next++)
  assert.deepEqual([next, early], [10_000, 0])
})

it('a waker calls once for many wake-ups', async () => {
  assert.equal(
    await script(`
      let calls = 0
      cases.wake(1000, () => calls++)
      setTimeout(() => {}, 50) // for a second call, which must not come
      process.on('exit', () => console.log(calls))`),
    '1',
  )
})

it('a message comes before what its turn costs', async () => {
  const printed = await script(`
    const seen = []
    const real = setImmediate
    globalThis.setImmediate = (turned) => {
      seen.push('immediate')
      return real(turned)
    }
    const source = new cases.Source({ count: 50, each: true, every: 2 }, () => {
      seen.push('message')
      queueMicrotask(() => seen.push('end'))
    })
    source.done().then(() => console.log(seen.join(' ')))`)
  assert.match(printed, /message immediate end/)
  assert.doesNotMatch(printed, /immediate message/)
})

it('the event loop turns while threads post flat out', async () => {
  for (const [name, callback, each] of [
    ['sync', () => {}, true],
    ['batches', () => {}, false],
    ['async', async () => void (await null), true],
    ['microtasks of 0.1 ms', () => Promise.resolve().then(() => block(0.1)), true],
    ['0.1 ms', () => block(0.1), true],
  ]) {
    const source = new cases.Source({ each, capacity: 1024 }, callback)
    const turns = await measureTurns(400)
    source.stop()
    await source.done()
    const typical = turns[Math.floor(turns.length * 0.9)]
    assert.ok(turns.length > 20 && typical < 20, `${name}: ${turns.length} turns, a gap of ${typical} ms`)
  }
})

it('a loop woken after each microtask still turns', async () => {
  // A message comes while the microtasks of the one before run: Node makes up to a thousand
  // wake-ups in one pass.
  const source = new cases.Source({ each: true, wait: true, capacity: 1 }, async () => {
    await null
    block(0.2)
  })
  const longest = (await measureTurns(500)).at(-1)
  source.stop()
  await source.done()
  assert.ok(longest < 100, `${longest} ms without a turn`)
})
