/** Ids in a process and its worker threads: what keeps it alive, and what ends with it. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { it } from 'node:test'
import { assertDistinct, folder, PACKAGE, printed, worker } from '../devtools/ids.mjs'
import { NOWHERE, newName, openSequence } from './support/ids.mjs'

it('a callback that throws loses no later id', async () => {
  const text = await printed(`
      const sequence = texample.openSequence('s', { url: 'memory:' })
      process.on('uncaughtException', (error) => console.log(error.message))
      sequence.nextId(() => { throw new Error('mine') })
      sequence.nextId((error, id) => console.log(error, id))
    `)
  assert.equal(text, 'mine\nnull 1001\n')
})

it('nextId() opens the store of TEXAMPLE_IDS_URL', async () => {
  const env = { TEXAMPLE_IDS_URL: 'memory:' }
  const code = `
    const { nextId } = texample
    console.log(await nextId(), await nextId('orders'), await nextId(), await nextId('orders'))
    nextId((error, id) => nextId('orders', (error2, id2) => console.log(error, id, error2, id2)))`
  assert.equal(await printed(code, { env }), '1000 1000 1001 1001\nnull 1002 null 1002\n')
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
  const loud = await printed(code, { cwd, env: { TEXAMPLE_IDS_URL: '', NODE_ENV: 'production' } })
  assert.deepEqual(loud.trim().split('\n').sort(), ['1000', 'TEXAMPLE_DEFAULT_STORE', 'true'])
  const quiet = await printed(code, { cwd, env: { TEXAMPLE_IDS_URL: '', NODE_ENV: '' } })
  assert.match(quiet, /^\d+\ntrue\n$/)
})

it('a call that waits keeps the process alive', async () => {
  const idle = `
    const sequence = texample.openSequence('s', { url: 'memory:' })
    console.log(await sequence.nextId())`
  assert.equal(await printed(idle), '1000\n')
  const waiting = `
    const sequence = texample.openSequence('s', { url: '${NOWHERE}', timeout: 1200 })
    sequence.nextId().catch((error) => console.log(error.code))`
  assert.equal(await printed(waiting), 'ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE\n')
  const ended = `
    texample.openSequence('s', { url: '${NOWHERE}' }).nextId().catch(() => {})
    setImmediate(() => process.exit(0))`
  const begun = performance.now()
  await printed(ended)
  assert.ok(performance.now() - begun < 10_000, 'the exit does not wait for the store')
})

it('a worker that ends without close reuses nothing', async () => {
  const shared = newName()
  const sequence = openSequence(shared, { url: 'memory:', step: 50, horizon: 0 })
  const first = await sequence.nextId()
  const code = `
    const sequence = texample.openSequence(${JSON.stringify(shared)}, { url: 'memory:' })
    sequence.nextIds(10).then((ids) => parentPort.postMessage({ ids, claims: sequence.stats().claims }))`
  const ids = [first]
  for (let i = 0; i < 3; i++) {
    const thread = worker(code)
    const [message] = await once(thread, 'message')
    ids.push(...message.ids)
    assert.equal(message.claims, 1)
    await thread.terminate()
  }
  ids.push(...(await sequence.nextIds(50)))
  assertDistinct(ids)
})

it('main and eight worker threads share a sequence', async () => {
  const shared = newName()
  const sequence = openSequence(shared, { url: 'memory:' })
  const code = `
    const sequence = texample.openSequence(${JSON.stringify(shared)}, { url: 'memory:' })
    const ids = []
    for (let i = 0; i < 5000; i++) ids.push(await sequence.nextId())
    parentPort.postMessage(ids)
    await sequence.close()`
  const workers = Array.from({ length: 8 }, () => worker(code))
  const mine = []
  for (let i = 0; i < 5000; i++) mine.push(await sequence.nextId())
  const all = [mine, ...(await Promise.all(workers.map(async (thread) => (await once(thread, 'message'))[0])))]
  for (const ids of all) assert.ok(ids.every((id, i) => i === 0 || id > ids[i - 1]))
  assertDistinct(all.flat())
  const { claims } = sequence.stats()
  assert.ok(claims < 100, `${claims} claims for 45 000 ids`)
  await Promise.all(workers.map((thread) => thread.terminate()))
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
    // A thread has its name once it runs, and /proc lists it for a moment after it was joined.
    const become = async (some) => {
      const end = Date.now() + 10_000
      while (ours() > 0 !== some && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5))
      return ours() > 0
    }
    const had = []
    for (const url of ['memory:', 'sqlite:' + process.cwd() + '/ids.db', 'mongodb://127.0.0.1:1/']) {
      const sequence = texample.openSequence('a', { url, timeout: 50 })
      await sequence.nextId().catch(() => {})
      had.push(await become(url !== 'memory:'))
      await sequence.close()
      had.push(await become(false))
      const worker = new Worker(\`
        const sequence = require(${JSON.stringify(PACKAGE)}).openSequence('b', { url: \${JSON.stringify(url)} })
        sequence.nextId().catch(() => {})
        require('node:worker_threads').parentPort.postMessage('up')\`, { eval: true })
      await once(worker, 'message')
      await worker.terminate()
      had.push(await become(false))
    }
    console.log(JSON.stringify(had))`
  const had = JSON.parse(await printed(code, { cwd: folder(t) }))
  assert.deepEqual(had, [false, false, false, true, false, false, true, false, false], 'memory: has no thread')
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
    // deref() keeps its target to the end of the turn, so the collection comes before it.
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
    // A finalizer runs some time after the collection.
    console.log(await until(async () => (await second.nextIds(10)) && told > already))
    await second.close()`
  assert.equal(await printed(code, { flags: ['--expose-gc'], cwd: folder(t) }), 'true true\ntrue\ntrue\n')
})
