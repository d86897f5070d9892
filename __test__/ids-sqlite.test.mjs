/** Ids from a SQLite file. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, linkSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertDistinct, drawer, drawn, folder, printed, settled } from '../devtools/ids.mjs'
import { holdLock, sql } from '../devtools/sqlite.mjs'
import { BAD, claimEach, failsAtOnce, openSequence, openStore, sqliteFile, UNAVAILABLE } from './support/ids.mjs'

/**
 * For what Windows has no counterpart of: SIGSTOP, limits, users by number, an open file that is
 * renamed.
 */
const posixTest = process.platform === 'win32' ? () => {} : it

it('two processes and their workers share a file', async (t) => {
  const { directory, url } = sqliteFile(t)
  const job = { url, name: 'a', count: 16_667, workers: 2 }
  const drawers = [1, 2].map((i) => drawer({ ...job, file: join(directory, `drawn${i}`) }))
  await Promise.all(drawers.map((one) => one.done))
  const ids = drawn(directory)
  assert.equal(ids.length, 100_002)
  assertDistinct(ids)
  assert.equal(Math.min(...ids.slice(0, 50_000), ...ids.slice(50_000, 100_002)), 1000)
})

it('a set that timed out before its turn is not made', async (t) => {
  const { url, path } = sqliteFile(t)
  const store = openStore({ url })
  await store.set('a', 4000)
  const release = await holdLock(t, path)
  const impatient = openStore({ url, timeout: 50 })
  const sets = await Promise.allSettled([5000, 6000].map((next) => impatient.set('a', next)))
  for (const { reason } of sets) assert.equal(reason.code, 'ERR_TEXAMPLE_SEQUENCE_TIMEOUT')
  await release()
  // The first one was under way.
  assert.ok([4000, 5000].includes(await store.read('a')))
})

it('a hard link to an open file leads to its connection', async (t) => {
  const { directory, path, url } = sqliteFile(t)
  const hard = join(directory, 'hard.db')
  const first = openSequence('a', { url, ...claimEach })
  const ids = [await first.nextId()]
  linkSync(path, hard)
  const second = openSequence('a', { url: `sqlite:${hard}`, ...claimEach })
  for (let i = 0; i < 50; i++) ids.push(await first.nextId(), await second.nextId())
  assertDistinct(ids)
})

/** Ids that another process draws, or the code and the message of its error. */
async function drawElsewhere(path) {
  const options = JSON.stringify({ url: `sqlite:${path}`, ...claimEach })
  const code = `
    const sequence = texample.openSequence('a', ${options})
    const ids = []
    try {
      while (ids.length < 10) ids.push(await sequence.nextId())
      console.log(JSON.stringify({ ids }))
    } catch ({ code, message }) {
      console.log(JSON.stringify({ code, message }))
    }
    await sequence.close()`
  return JSON.parse(await printed(code))
}

it('a symbolic link is the file, in every process', async (t) => {
  const { directory, path, url } = sqliteFile(t)
  const soft = join(directory, 'soft.db')
  symlinkSync(path, soft)
  const first = openSequence('a', { url: `sqlite:${soft}`, ...claimEach })
  const ids = [await first.nextId()]
  const second = openSequence('a', { url, ...claimEach })
  for (const name of [soft, path, soft]) {
    ids.push(await first.nextId(), await second.nextId(), ...(await drawElsewhere(name)).ids)
  }
  assertDistinct(ids)
})

it('a file with two hard links is refused until it has one', async (t) => {
  const { directory, path, url } = sqliteFile(t)
  const hard = join(directory, 'hard.db')
  const sequence = openSequence('a', { url, ...claimEach })
  const ids = [await sequence.nextId()]
  linkSync(path, hard)
  for (const name of [hard, path]) {
    const { code, message } = await drawElsewhere(name)
    assert.equal(code, UNAVAILABLE)
    assert.match(message, /2 names \(hard links\).* remove all but one/)
  }
  ids.push(await sequence.nextId())
  await sequence.close()
  rmSync(hard)
  ids.push(...(await drawElsewhere(path)).ids)
  assertDistinct(ids)
})

it('the table is strict, and the file has a write-ahead log', async (t) => {
  const { url, path } = sqliteFile(t)
  const sequence = openSequence('a', { url, step: 10 })
  assert.equal(await sequence.nextId(), 1000)
  assert.deepEqual(sql(path, 'PRAGMA journal_mode'), [['wal']])
  assert.match(sql(path, "SELECT sql FROM sqlite_schema WHERE name = 'ids'")[0][0], /STRICT$/)
  assert.deepEqual(sql(path, 'SELECT * FROM ids'), [['a', 1010]])
  await sequence.close()
  assert.deepEqual(sql(path, 'SELECT * FROM ids'), [['a', 1001]], 'close gave the rest back')
})

it('an index that is no integer from 0 is told, and stays', async (t) => {
  for (const [value, text] of [
    ["'123'", /"123" \(text\)/],
    ['1.5', /1\.5 \(a real number\)/],
    ['NULL', /null/],
    ["x'00ff'", /2 bytes/],
    ['-1', /-1/],
  ]) {
    const { url, path } = sqliteFile(t)
    sql(path, 'CREATE TABLE ids (_id TEXT PRIMARY KEY, "index")')
    sql(path, `INSERT INTO ids VALUES ('a', ${value})`)
    const before = sql(path, 'SELECT hex("index"), typeof("index") FROM ids')
    const sequence = openSequence('a', { url })
    const [, error] = await settled(sequence.nextId())
    assert.equal(error.code, BAD)
    assert.match(error.message, text)
    await sequence.close()
    assert.deepEqual(sql(path, 'SELECT hex("index"), typeof("index") FROM ids'), before)
  }
})

it('a table of another kind is an error at once', async (t) => {
  const { url, path } = sqliteFile(t)
  sql(path, 'CREATE TABLE ids (name TEXT)')
  const sequence = openSequence('a', { url })
  await assert.rejects(sequence.nextId(), { code: BAD })
})

it('a table that is dropped is refused until it is made again', async (t) => {
  const { url, path } = sqliteFile(t)
  const sequence = openSequence('a', { url, step: 10, maxStep: 10, horizon: 0 })
  const ids = [...(await sequence.nextIds(10)), ...(await sequence.nextIds(9))]
  sql(path, 'DROP TABLE ids')
  for (let i = 0; i < 3; i++) {
    const [more, error] = await settled(sequence.nextIds(10))
    if (more) ids.push(...more)
    else assert.equal(error.code, BAD)
  }
  await assert.rejects(sequence.nextId(), { code: BAD })
  sql(path, "INSERT INTO ids VALUES ('a', 2000)")
  ids.push(await sequence.nextId())
  assertDistinct(ids)
  assert.equal(ids.at(-1), 2000)
})

it('reading creates no file and no table', async (t) => {
  const { url, path } = sqliteFile(t)
  const ids = openStore({ url })
  assert.equal(await ids.read('a'), undefined)
  assert.ok(!existsSync(path))
  sql(path, 'CREATE TABLE orders (id INTEGER)')
  const before = readFileSync(path)
  assert.equal(await ids.read('a'), undefined)
  await ids.close()
  assert.deepEqual(readFileSync(path), before)
})

posixTest('a file that was replaced is no second round of ids', async (t) => {
  const { url, path } = sqliteFile(t)
  const sequence = openSequence('a', { url, step: 10, horizon: 0 })
  const ids = [await sequence.nextId()]
  for (const suffix of ['', '-wal', '-shm']) renameSync(path + suffix, `${path}.old${suffix}`)
  let error
  for (let i = 0; i < 50 && !error; i++) {
    const [id, failure] = await settled(sequence.nextId())
    error = failure
    if (id) ids.push(id)
  }
  assert.equal(error.code, BAD)
  assertDistinct(ids)
})

it('a file that cannot be used is told at once', async (t) => {
  const text = sqliteFile(t)
  writeFileSync(text.path, 'this is no database, but a text of more than a hundred bytes'.repeat(20))
  const corrupt = sqliteFile(t)
  const sequence = openSequence('a', { url: corrupt.url })
  await sequence.nextId()
  await sequence.close()
  const bytes = readFileSync(corrupt.path)
  bytes.fill(0xa5, 100, 4000)
  writeFileSync(corrupt.path, bytes)
  for (const url of [
    text.url,
    corrupt.url,
    `sqlite:${join(text.path, '..', 'none', 'ids.db')}`,
    'sqlite:/proc/ids.db',
  ]) {
    const sequence = openSequence('a', { url, timeout: 60_000 })
    assert.ok((await failsAtOnce(sequence.nextId(), UNAVAILABLE)).cause instanceof Error)
  }
})

posixTest('a file without the right to write is a typed error', async (t) => {
  const { directory } = sqliteFile(t)
  const code = `
    const first = texample.openSequence('a', { url: 'sqlite:ids.db' })
    await first.nextId()
    await first.close()
    require('node:fs').chmodSync('.', 0o755)
    for (const name of require('node:fs').readdirSync('.')) require('node:fs').chmodSync(name, 0o444)
    if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534) }
    const sequence = texample.openSequence('a', { url: 'sqlite:ids.db' })
    await sequence.nextId().catch((error) => console.log(error.code))`
  assert.equal(await printed(code, { cwd: directory }), `${UNAVAILABLE}\n`)
})

/**
 * Draws ids in a process that may not write past so many bytes of a file: the disk is full for it
 * alone.
 */
async function drawOnFullDisk(url, bytes) {
  const code = `
    const sequence = texample.openSequence('a', { url: ${JSON.stringify(url)}, step: 1, maxStep: 1, timeout: 1500 })
    const ids = []
    let failure
    for (let i = 0; i < 300 && !failure; i++) {
      await sequence.nextId().then((id) => ids.push(id), (error) => { failure = error })
    }
    console.log(JSON.stringify({ ids, code: failure?.code, cause: failure?.cause?.message, ...sequence.stats() }))
    process.exit()`
  return JSON.parse(await printed(code, { shell: `trap '' XFSZ; ulimit -f ${bytes / 512}` }))
}

posixTest('a failed commit hands out no id', async (t) => {
  const { url } = sqliteFile(t)
  // The write-ahead log reaches the limit several times: a commit fails, and the next claim begins
  // a new log.
  const { ids, errors, claims } = await drawOnFullDisk(url, 102_400)
  assert.equal(ids.length, 300)
  assert.ok(errors > 0, 'commits failed')
  assert.ok(claims >= 300)
  // The index in the file is above all ids that were handed out.
  const after = openSequence('a', { url })
  assertDistinct([...ids, ...(await after.nextIds(100))])
})

posixTest('a full disk is told, with SQLite’s error as cause', async (t) => {
  const { ids, code, cause } = await drawOnFullDisk(sqliteFile(t).url, 4096)
  assert.deepEqual(ids, [])
  assert.equal(code, UNAVAILABLE)
  assert.match(cause, /full|disk I\/O/)
})

it('processes killed at random lose what was in hand alone', async (t) => {
  const { directory, url } = sqliteFile(t)
  // No horizon: in hand are a few ranges at most.
  const options = { maxStep: 1000, horizon: 0 }
  const dead = [1, 2, 3, 4, 5, 6].map(async (i) => {
    const written = join(directory, `drawn${i}`)
    const { child, done } = drawer({ url, name: 'a', count: 10_000_000, options, file: written })
    done.catch(() => {})
    const begun = () => existsSync(`${written}.0`) && statSync(`${written}.0`).size > 0
    for (const end = Date.now() + 60_000; !begun() && Date.now() < end; ) await sleep(10)
    await sleep(1000 + Math.random() * 300)
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  })
  await Promise.all(dead)
  const ids = drawn(directory)
  assert.ok(ids.length > 0)
  assertDistinct(ids)
  const survivor = openSequence('a', { url })
  const next = await survivor.nextId()
  assert.ok(!ids.includes(next))
  const lost = next - 1000 - ids.length
  t.diagnostic(`${ids.length} ids used, ${lost} lost by six deaths`)
  // An id that a caller had not written down counts as lost too: chunks of 500 for each of four
  // callers. A pool has a range that it hands out, one ahead, and one that is being claimed.
  assert.ok(lost >= 0 && lost <= 6 * (4 * 500 + 3 * options.maxStep), `${lost} lost`)
})

posixTest('processes frozen at random hold up no other for long', async (t) => {
  const { directory, url } = sqliteFile(t)
  const options = { step: 1, maxStep: 20, horizon: 0 }
  const drawers = [1, 2, 3].map((i) => {
    return drawer({ url, name: 'a', count: 1e9, options, file: join(directory, `drawn${i}`) })
  })
  const begun = () => drawn(directory).length > 3000
  for (const end = Date.now() + 60_000; !begun() && Date.now() < end; ) await sleep(10)
  for (let i = 0; i < 60; i++) {
    const { child } = drawers[i % 3]
    child.kill('SIGSTOP')
    await sleep(Math.random() * 40)
    child.kill('SIGCONT')
    await sleep(Math.random() * 10)
  }
  for (const { child } of drawers) child.kill('SIGTERM')
  const stats = (await Promise.all(drawers.map((one) => one.done))).flat()
  assert.deepEqual(
    stats.flatMap(({ failures, errors, lastError }) => [...failures, ...(errors > 0 ? [lastError] : [])]),
    [],
  )
  for (const { maxWaitMs } of stats) assert.ok(maxWaitMs < 2000, `a caller waited for ${maxWaitMs} ms`)
  assertDistinct(drawn(directory))
})

it('another connection’s lock is waited for', async (t) => {
  const { url, path } = sqliteFile(t)
  const sequence = openSequence('a', { url, ...claimEach })
  await sequence.nextId()
  const release = await holdLock(t, path)
  const waiting = Promise.all([sequence.nextId(), sequence.nextId(), sequence.nextId()])
  const released = sleep(300).then(release)
  assertDistinct([1000, ...(await waiting)])
  await released
})

it('paths: relative to the working folder, with // and without', async (t) => {
  const cwd = folder(t)
  const code = `
    for (const url of ['sqlite:a.db', 'sqlite://a.db', 'sqlite://' + process.cwd() + '/a.db']) {
      const sequence = texample.openSequence('a', { url })
      console.log(await sequence.nextId())
      await sequence.close()
    }`
  assert.equal(await printed(code, { cwd }), '1000\n1001\n1002\n')
  rmSync(join(cwd, 'a.db'))
})
