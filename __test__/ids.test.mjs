/** Ids without a database: arguments, order, waiting, closing. */

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { it } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { assertDistinct, folder, output, PACKAGE, program, settled } from '../devtools/ids.mjs'
import texample from '../js/index.cjs'

const { nextId, openSequence, openStore, TexampleError } = texample
const INVALID = 'ERR_TEXAMPLE_INVALID_ARGUMENT'
/** A port without a listener. */
const NOWHERE = 'mongodb://127.0.0.1:1/'

let names = 0
const name = () => `s${++names}`
/** @param {any} [options] */
const open = (options) => openSequence(name(), { url: 'memory:', ...options })

it('a new sequence starts at 1000, and its ids rise by one', async () => {
  const sequence = open()
  for (let id = 1000; id < 1100; id++) assert.equal(await sequence.nextId(), id)
  await sequence.close()
})

it('the extremes of every option are taken', async () => {
  for (const options of [
    { start: 0, horizon: 0, timeout: 0, bigint: true },
    { start: 1, horizon: 0.5, timeout: 0.5, collection: 'x' },
    { step: 1, maxStep: 1, maxWaiters: 1 },
  ]) {
    await open(options).close()
  }
})

it('what is wrong with an argument is said, without the password', async () => {
  for (const [options, text] of [
    [{ step: 11, maxStep: 10 }, /options\.step/],
    [{ start: 2 ** 53 }, /options\.start/],
    [{ url: 'http://ann:secret@host/' }, /another scheme/],
    [{ url: 'mongodb://ann:se/cret@host/' }, /no MongoDB connection string/],
    [{ url: 'sqlite:' }, /no usable name/],
    [{ collection: 'a\0b' }, /options\.collection/],
  ]) {
    assert.throws(
      () => openSequence(name(), { url: 'memory:', .../** @type {any} */ (options) }),
      (/** @type {any} */ error) => {
        assert.match(error.message, /** @type {RegExp} */ (text))
        assert.doesNotMatch(error.message, /cret/)
        return error instanceof RangeError && /** @type {any} */ (error).code === INVALID
      },
    )
  }
  const sequence = open({ maxStep: 100 })
  await assert.rejects(sequence.nextIds(101), { code: INVALID, name: 'RangeError' })
  await sequence.close()
})

it('options left out are as in the open sequence', async () => {
  const shared = name()
  const first = openSequence(shared, { url: 'memory:', step: 7, start: 5 })
  const second = openSequence(shared, { url: 'memory:', timeout: 5 })
  assert.equal(await first.nextId(), 5)
  assert.equal(await second.nextId(), 6)
  for (const options of [{ step: 8 }, { start: 6 }, { maxStep: 9 }, { horizon: 1 }]) {
    assert.throws(() => openSequence(shared, { url: 'memory:', ...options }), { code: INVALID, name: 'RangeError' })
  }
  await Promise.all([first.close(), second.close()])
  const third = openSequence(shared, { url: 'memory:', step: 8 })
  assert.equal(await third.nextId(), 7)
  await third.close()
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
  assert.equal(error.code, 'ERR_TEXAMPLE_SEQUENCE_CLOSED')
})

it('a callback that throws loses no later id', async () => {
  const text = await output(
    program(`
      const sequence = texample.openSequence('s', { url: 'memory:' })
      process.on('uncaughtException', (error) => console.log(error.message))
      sequence.nextId(() => { throw new Error('mine') })
      sequence.nextId((error, id) => console.log(error, id))
    `),
  )
  assert.equal(text, 'mine\nnull 1001\n')
})

it('nextId() of the module takes its sequence from TEXAMPLE_IDS_URL', async () => {
  const env = { TEXAMPLE_IDS_URL: 'memory:' }
  const code = `
    const { nextId } = texample
    console.log(await nextId(), await nextId('orders'), await nextId(), await nextId('orders'))
    nextId((error, id) => nextId('orders', (error2, id2) => console.log(error, id, error2, id2)))`
  assert.equal(await output(program(code, { env })), '1000 1000 1001 1001\nnull 1002 null 1002\n')
})

it('the default is a SQLite file, with a warning in production', async (t) => {
  const cwd = folder(t)
  const code = `
    const { Worker } = require('node:worker_threads')
    process.on('warning', (warning) => console.log(warning.code))
    console.log(await texample.nextId())
    texample.openSequence('other')
    const worker = new Worker(\`require(${JSON.stringify(PACKAGE)}).nextId()\`, { eval: true })
    await require('node:events').once(worker, 'exit')
    console.log(require('node:fs').existsSync('texample-ids.db'))`
  const loud = await output(program(code, { cwd, env: { TEXAMPLE_IDS_URL: '', NODE_ENV: 'production' } }))
  assert.deepEqual(loud.trim().split('\n').sort(), ['1000', 'TEXAMPLE_DEFAULT_STORE', 'true'])
  const quiet = await output(program(code, { cwd, env: { TEXAMPLE_IDS_URL: '', NODE_ENV: '' } }))
  assert.match(quiet, /^\d+\ntrue\n$/)
})

it('ids rise within a handle in the order of its calls', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('one', 'many', 'sync', 'turn', 'ready'), { maxLength: 40 }),
      fc.integer({ min: 1, max: 12 }),
      async (calls, maxStep) => {
        const sequence = open({ step: 1, maxStep })
        /** @type {Promise<ArrayLike<number>>[]} */
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
        await sequence.close()
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
      await sequence.close()
    }
  }
})

it('bigint sequences hand out bigints, past 2^53 too', async () => {
  const start = Number.MAX_SAFE_INTEGER - 2
  const shared = name()
  const big = openSequence(shared, { url: 'memory:', start, step: 4, bigint: true })
  const first = BigInt(start)
  assert.deepEqual(await big.nextIds(4), BigInt64Array.from([first, first + 1n, first + 2n, first + 3n]))
  assert.equal(await big.nextId(), first + 4n)
  assert.equal(big.nextIdSync(), first + 5n)
  await big.close()
  const number = openSequence(shared, { url: 'memory:' })
  await assert.rejects(number.nextId(), { code: 'ERR_TEXAMPLE_SEQUENCE_EXHAUSTED' })
  assert.throws(() => number.nextIdSync(), { code: 'ERR_TEXAMPLE_SEQUENCE_EXHAUSTED' })
  await number.close()
})

it('the last number is handed out, and nothing after it', async () => {
  const start = Number.MAX_SAFE_INTEGER - 2
  const sequence = open({ start })
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => sequence.nextId())), [start, start + 1, start + 2])
  await assert.rejects(sequence.nextId(), { code: 'ERR_TEXAMPLE_SEQUENCE_EXHAUSTED' })
  await assert.rejects(sequence.nextIds(2), { code: 'ERR_TEXAMPLE_SEQUENCE_EXHAUSTED' })
  await sequence.close()
})

it('close gives unused ids back, and a closed handle says so', async () => {
  const shared = name()
  const first = openSequence(shared, { url: 'memory:', step: 100 })
  const second = openSequence(shared, { url: 'memory:' })
  assert.equal(await first.nextId(), 1000)
  assert.equal(await second.nextId(), 1001)
  await first.close()
  await first.close()
  await assert.rejects(first.nextId(), { code: 'ERR_TEXAMPLE_SEQUENCE_CLOSED' })
  await assert.rejects(first.nextIds(1), { code: 'ERR_TEXAMPLE_SEQUENCE_CLOSED' })
  await assert.rejects(first.ready(), { code: 'ERR_TEXAMPLE_SEQUENCE_CLOSED' })
  assert.throws(() => first.nextIdSync(), { code: 'ERR_TEXAMPLE_SEQUENCE_CLOSED', name: 'TexampleError' })
  assert.equal(first.stats().issued, 1)
  assert.equal(await second.nextId(), 1002)
  await second.close()
  const third = openSequence(shared, { url: 'memory:' })
  assert.equal(await third.nextId(), 1003)
  await third[Symbol.asyncDispose]()
  await assert.rejects(third.nextId(), TexampleError)
})

it('close before and during the first claim ends the waiters', async () => {
  await open().close()
  const sequence = openSequence(name(), { url: NOWHERE })
  const waiting = [sequence.nextId(), sequence.nextIds(5), sequence.ready()].map(settled)
  await new Promise(setImmediate)
  const begun = performance.now()
  await sequence.close()
  assert.ok(performance.now() - begun < 14_000, 'bounded')
  for (const [, error] of await Promise.all(waiting)) assert.equal(error.code, 'ERR_TEXAMPLE_SEQUENCE_CLOSED')
})

it('a store out of reach is told after the caller’s own time', async () => {
  const shared = name()
  const short = openSequence(shared, { url: NOWHERE, timeout: 1500 })
  const long = openSequence(shared, { url: NOWHERE, timeout: 60_000 })
  let longEnded = false
  const waiting = settled(long.nextId()).finally(() => {
    longEnded = true
  })
  const outcomes = await Promise.all([short.nextId(), short.nextIds(3), short.ready()].map(settled))
  for (const [, error] of outcomes) {
    assert.ok(error instanceof TexampleError)
    assert.equal(error.code, 'ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE')
    assert.match(/** @type {any} */ (error.cause).message, /refused|Server selection/i)
  }
  assert.throws(() => short.nextIdSync(), { code: 'ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE' })
  assert.equal(longEnded, false, 'one caller’s timeout is not another’s')
  assert.ok(short.stats().errors > 0)
  await short.close()
  await long.close()
  await waiting
})

it('no answer in time is SEQUENCE_TIMEOUT', async () => {
  const sequence = openSequence(name(), { url: NOWHERE, timeout: 1 })
  await assert.rejects(sequence.nextId(), { code: 'ERR_TEXAMPLE_SEQUENCE_TIMEOUT' })
  await sequence.close()
})

it('an AbortSignal ends one call and no other', async () => {
  const sequence = openSequence(name(), { url: NOWHERE, timeout: 60_000 })
  const controller = new AbortController()
  const reason = new Error('enough')
  const aborted = settled(sequence.nextId({ signal: controller.signal }))
  let otherEnded = false
  const other = settled(sequence.nextId()).finally(() => {
    otherEnded = true
  })
  controller.abort(reason)
  assert.deepEqual(await aborted, [undefined, reason])
  assert.deepEqual(await settled(sequence.nextId({ signal: controller.signal })), [undefined, reason])
  assert.equal(otherEnded, false)
  await sequence.close()
  await other
  const memory = open()
  const late = new AbortController()
  assert.equal(await memory.nextId({ signal: late.signal }), 1000)
  late.abort()
  assert.equal(await memory.nextId(), 1001)
  await memory.close()
})

it('an aborted call costs no id', async () => {
  const sequence = open()
  const controller = new AbortController()
  const calls = Array.from({ length: 10 }, (_, i) => sequence.nextId(i % 2 ? { signal: controller.signal } : undefined))
  const outcomes = calls.map(settled)
  controller.abort()
  const ids = (await Promise.all(outcomes)).flatMap(([id]) => (id === undefined ? [] : [id]))
  assert.deepEqual(ids, [1000, 1001, 1002, 1003, 1004])
  await sequence.close()
})

it('aborted calls leave nothing behind while others wait', async () => {
  const text = await output(
    program(
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
    ),
  )
  assert.equal(text, 'true\n')
})

it('no more than maxWaiters wait', async () => {
  const sequence = openSequence(name(), { url: NOWHERE, maxWaiters: 3, timeout: 60_000 })
  const waiting = Array.from({ length: 3 }, () => settled(sequence.nextId()))
  await assert.rejects(sequence.nextId(), { code: 'ERR_TEXAMPLE_TOO_MANY_WAITERS' })
  await assert.rejects(sequence.ready(), { code: 'ERR_TEXAMPLE_TOO_MANY_WAITERS' })
  await sequence.close()
  for (const [, error] of await Promise.all(waiting)) assert.equal(error.code, 'ERR_TEXAMPLE_SEQUENCE_CLOSED')
})

it('ready claims the first range and takes no id', async () => {
  const sequence = open()
  await sequence.ready()
  assert.equal(sequence.stats().claims, 1)
  assert.equal(sequence.nextIdSync(), 1000)
  assert.equal(sequence.stats().issued, 1)
  await sequence.close()
})

it('stats count what was issued, claimed and waited for', async () => {
  const sequence = open({ step: 10 })
  await sequence.nextIds(25)
  const { issued, claimed, claims, waits, errors, retries, inHand, step, ratePerSecond, maxWaitMs } = sequence.stats()
  assert.equal(issued, 25)
  assert.ok(claimed >= 25 && claims >= 1 && waits === 1 && errors === 0 && retries === 0)
  assert.equal(typeof inHand, 'number')
  assert.ok(step >= 10 && ratePerSecond > 0 && maxWaitMs > 0)
  await sequence.close()
})

it('a call that waits keeps the process alive', async () => {
  const idle = `
    const sequence = texample.openSequence('s', { url: 'memory:' })
    console.log(await sequence.nextId())`
  assert.equal(await output(program(idle)), '1000\n')
  const waiting = `
    const sequence = texample.openSequence('s', { url: '${NOWHERE}', timeout: 1200 })
    sequence.nextId().catch((error) => console.log(error.code))`
  assert.equal(await output(program(waiting)), 'ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE\n')
  const ended = `
    texample.openSequence('s', { url: '${NOWHERE}' }).nextId().catch(() => {})
    setImmediate(() => process.exit(0))`
  const begun = performance.now()
  await output(program(ended))
  assert.ok(performance.now() - begun < 10_000, 'the exit does not wait for the store')
})

it('a worker that ends without close reuses nothing', async () => {
  const shared = name()
  const sequence = openSequence(shared, { url: 'memory:', step: 50, horizon: 0 })
  const first = await sequence.nextId()
  const code = `
    const { parentPort } = require('node:worker_threads')
    const sequence = require(${JSON.stringify(PACKAGE)}).openSequence(${JSON.stringify(shared)}, { url: 'memory:' })
    sequence.nextIds(10).then((ids) => parentPort.postMessage({ ids, claims: sequence.stats().claims }))`
  const ids = [first]
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(code, { eval: true })
    const [message] = await once(worker, 'message')
    ids.push(...message.ids)
    assert.equal(message.claims, 1)
    await worker.terminate()
  }
  ids.push(...(await sequence.nextIds(50)))
  assertDistinct(ids)
  await sequence.close()
})

it('main and eight worker threads share a sequence', async () => {
  const shared = name()
  const sequence = openSequence(shared, { url: 'memory:' })
  const code = `
    const { parentPort } = require('node:worker_threads')
    const sequence = require(${JSON.stringify(PACKAGE)}).openSequence(${JSON.stringify(shared)}, { url: 'memory:' })
    const draw = async () => {
      const ids = []
      for (let i = 0; i < 5000; i++) ids.push(await sequence.nextId())
      parentPort.postMessage(ids)
      await sequence.close()
    }
    draw()`
  const workers = Array.from({ length: 8 }, () => new Worker(code, { eval: true }))
  const mine = []
  for (let i = 0; i < 5000; i++) mine.push(await sequence.nextId())
  const all = [mine, ...(await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0])))]
  for (const ids of all)
    assert.ok(ids.every((/** @type {number} */ id, /** @type {number} */ i) => i === 0 || id > ids[i - 1]))
  assertDistinct(all.flat())
  const { claims } = sequence.stats()
  assert.ok(claims < 100, `${claims} claims for 45 000 ids`)
  await Promise.all(workers.map((worker) => worker.terminate()))
  await sequence.close()
})

it('threads end with the last handle of their store', async (t) => {
  if (process.platform !== 'linux') return t.diagnostic('threads are counted in /proc')
  const code = `
    const { readdirSync, readFileSync } = require('node:fs')
    const { Worker } = require('node:worker_threads')
    const { once } = require('node:events')
    const ours = () => readdirSync('/proc/self/task').filter((id) => {
      try { return readFileSync('/proc/self/task/' + id + '/comm', 'utf8').startsWith('texample') } catch { return false }
    }).length
    const counts = []
    for (const url of ['memory:', 'sqlite:' + process.cwd() + '/ids.db', 'mongodb://127.0.0.1:1/']) {
      const sequence = texample.openSequence('a', { url, timeout: 50 })
      await sequence.nextId().catch(() => {})
      counts.push(ours() > 0)
      await sequence.close()
      counts.push(ours())
      const worker = new Worker(\`
        const sequence = require(${JSON.stringify(PACKAGE)}).openSequence('b', { url: \${JSON.stringify(url)} })
        sequence.nextId().catch(() => {})
        require('node:worker_threads').parentPort.postMessage('up')\`, { eval: true })
      await once(worker, 'message')
      await worker.terminate()
      counts.push(ours())
    }
    console.log(JSON.stringify(counts))`
  const counts = JSON.parse(await output(program(code, { cwd: folder(t) })))
  assert.deepEqual(counts, [false, 0, 0, true, 0, 0, true, 0, 0], 'memory: has no thread')
})

it('claims and errors are published, without the password', async () => {
  /** @type {any[]} */
  const seen = []
  const listen = (/** @type {any} */ message) => seen.push(message)
  subscribe('texample:ids:claim', listen)
  subscribe('texample:ids:error', listen)
  try {
    const sequence = open({ step: 10 })
    const twin = open()
    assert.equal(await sequence.nextId(), 1000)
    await sequence.close()
    await twin.close()
    assert.equal(seen.length, 1)
    assert.equal(seen[0].first, 1000n)
    assert.equal(seen[0].count, 10)
    assert.equal(typeof seen[0].duration, 'number')
    seen.length = 0
    const lost = openSequence(name(), { url: 'mongodb://ann:s3cret@127.0.0.1:1/', timeout: 1200 })
    const [, error] = await settled(lost.nextId())
    await lost.close()
    assert.ok(seen.length >= 1)
    assert.equal(seen[0].error.code, 'ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE')
    const everything = JSON.stringify([seen, lost.stats()]) + error.stack + error.cause.stack + seen[0].error.stack
    assert.doesNotMatch(everything, /s3cret/)
  } finally {
    unsubscribe('texample:ids:claim', listen)
    unsubscribe('texample:ids:error', listen)
  }
})

it('NODE_DEBUG=texample prints claims and errors, without the password', async () => {
  const code = `
    await texample.openSequence('a', { url: 'memory:' }).nextId()
    await texample.openSequence('b', { url: 'mongodb://ann:s3cret@127.0.0.1:1/', timeout: 1200 }).nextId().catch(() => {})`
  const child = program(code, { env: { NODE_DEBUG: 'texample' } })
  let log = ''
  child.stderr?.setEncoding('utf8').on('data', (data) => {
    log += data
  })
  await output(child)
  assert.match(log, /TEXAMPLE \d+: sequence "a" in memory:ids: claimed 10 from 1000/)
  assert.match(log, /sequence "b" in mongodb:\/\/127\.0\.0\.1:1\/test\.ids: claim failed/)
  assert.doesNotMatch(log, /s3cret/)
})

it('the last numbers are served, later callers are told', async () => {
  const begun = performance.now()
  const sequence = open({ start: 2 ** 53 - 3 })
  await assert.rejects(sequence.nextIds(10), { code: 'ERR_TEXAMPLE_SEQUENCE_EXHAUSTED' })
  await sequence.close()

  const other = open({ start: 2 ** 53 - 3 })
  const calls = await Promise.allSettled(Array.from({ length: 10 }, () => other.nextId()))
  assert.deepEqual(
    calls.map(({ value, reason }) => value ?? reason.code),
    [2 ** 53 - 3, 2 ** 53 - 2, 2 ** 53 - 1, ...Array(7).fill('ERR_TEXAMPLE_SEQUENCE_EXHAUSTED')],
  )
  await other.close()
  assert.ok(performance.now() - begun < 20_000, 'no call waited for the timeout')
})

it('the last integers are served, later callers are told', async () => {
  const sequence = name()
  await openStore({ url: 'memory:' }).set(sequence, 2n ** 63n - 4n)
  const handle = openSequence(sequence, { url: 'memory:', bigint: true })
  const calls = await Promise.allSettled(Array.from({ length: 10 }, () => handle.nextId()))
  const served = calls.filter(({ status }) => status === 'fulfilled').map(({ value }) => value)
  assert.deepEqual(served, [2n ** 63n - 4n, 2n ** 63n - 3n, 2n ** 63n - 2n])
  for (const { reason } of calls.slice(3)) assert.equal(reason.code, 'ERR_TEXAMPLE_SEQUENCE_EXHAUSTED')
  await handle.close()
})

it('a dropped handle ends its thread, and events go on', async (t) => {
  const code = `
    // Only Linux shows a process its threads.
    const counts = process.platform === 'linux'
    const threads = () => (counts ? require('node:fs').readdirSync('/proc/self/task').length : 0)
    const dropped = async (name) => {
      const handle = texample.openSequence(name, { url: 'sqlite:ids.db', step: 10, maxStep: 10 })
      await handle.nextId()
      return new WeakRef(handle)
    }
    // A WeakRef that was looked at holds on until the turn is over, so what is gone is gone before
    // the look.
    const until = async (is) => {
      for (const end = Date.now() + 20_000; Date.now() < end; ) {
        await new Promise(setImmediate)
        gc()
        if (await is()) return true
      }
      return false
    }
    let told = 0
    require('node:diagnostics_channel').subscribe('texample:ids:claim', () => told++)
    const before = threads()
    for (let i = 0; i < 5; i++) await dropped('s' + i)
    console.log(!counts || threads() > before, await until(() => threads() <= before))

    const first = await dropped('shared')
    const second = texample.openSequence('shared', { url: 'sqlite:ids.db' })
    console.log(await until(() => first.deref() === undefined))
    const already = told
    // The engine says that the first one is gone some time after it is.
    console.log(await until(async () => (await second.nextIds(10)) && told > already))
    await second.close()`
  assert.equal(await output(program(code, { flags: ['--expose-gc'], cwd: folder(t) })), 'true true\ntrue\ntrue\n')
})
