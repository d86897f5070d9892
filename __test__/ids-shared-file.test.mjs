/**
 * Ids in the SQLite file of an application, which uses a copy of SQLite of its own in the same
 * process.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { assertDistinct, DEVTOOLS, drawer, drawn, output, PACKAGE, printed } from '../devtools/ids.mjs'
import { secondSqlite } from '../devtools/second-sqlite.mjs'
import texample from '../js/index.cjs'
import { BAD, claimEach, openSequence, sqliteFile } from './support/ids.mjs'

const { name: copy, open } = await secondSqlite()

const ROWS = 200

function openDatabase(path, mode) {
  const database = open(path)
  database.exec(`PRAGMA journal_mode = ${mode}`)
  database.exec('CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT)')
  return database
}

/** An application's file, open in its copy of SQLite, and a sequence of it. */
function openBoth(t, mode) {
  const { path, url } = sqliteFile(t, 'app.db')
  const database = openDatabase(path, mode)
  return { path, url, database, sequence: openSequence('orders', { url, ...claimEach }) }
}

/** A row of the application, whose primary key is an id: one that comes twice is an error. */
async function insert(database, sequence) {
  const id = await sequence.nextId()
  database.run('INSERT INTO orders VALUES (?, ?)', id, 'owl')
  return id
}

/** Nothing is lost or damaged. The application closes its file after it. */
function assertSound(database, rows, mode) {
  assert.equal(database.value('PRAGMA integrity_check'), 'ok')
  assert.equal(database.value('SELECT count(*) FROM orders'), rows)
  assert.equal(database.value('PRAGMA journal_mode'), mode)
  database.close()
}

for (const mode of ['wal', 'delete']) {
  describe(`${copy} in the same process, journal mode ${mode}`, () => {
    it('the application opens first and closes last', async (t) => {
      const { database, sequence } = openBoth(t, mode)
      for (let i = 0; i < ROWS; i++) await insert(database, sequence)
      await sequence.close()
      assertSound(database, ROWS, mode)
    })

    it('the application opens last and closes first', async (t) => {
      const { path, url } = sqliteFile(t, 'app.db')
      openDatabase(path, mode).close()
      const sequence = openSequence('orders', { url, ...claimEach })
      await sequence.ready()
      const database = openDatabase(path, mode)
      for (let i = 0; i < ROWS; i++) await insert(database, sequence)
      assertSound(database, ROWS, mode)
      assert.ok((await sequence.nextId()) >= 1000 + ROWS)
    })

    it('the application opens again and again', async (t) => {
      let { path, database, sequence } = openBoth(t, mode)
      for (let i = 0; i < ROWS; i++) {
        await insert(database, sequence)
        if (i % 20 === 0) {
          database.close()
          database = open(path)
        }
      }
      await sequence.close()
      assertSound(database, ROWS, mode)
    })

    it('sequences open again and again', async (t) => {
      const { path, url } = sqliteFile(t, 'app.db')
      const database = openDatabase(path, mode)
      for (let i = 0; i < ROWS; i += 10) {
        const sequence = openSequence('orders', { url, ...claimEach })
        for (let n = 0; n < 10; n++) await insert(database, sequence)
        await sequence.close()
      }
      assertSound(database, ROWS, mode)
    })

    it('other processes use the file meanwhile', async (t) => {
      const { path, url, database, sequence } = openBoth(t, mode)
      await sequence.ready()
      const third = `
        const db = new (require('libsql'))(process.argv[1], { timeout: 60_000 })
        for (let i = 0; i < 200; i++) db.exec("INSERT INTO orders VALUES (" + (-1 - i) + ", 'cat')")`
      const rivals = [
        output(spawn(process.execPath, ['-e', third, path], { cwd: DEVTOOLS, stdio: ['ignore', 'pipe', 'pipe'] })),
        printed(`const s = texample.openSequence('orders', ${JSON.stringify({ url, ...claimEach })})
          for (let i = 0; i < 200; i++) console.log(await s.nextId())`),
      ]
      const ids = []
      for (let i = 0; i < ROWS; i++) ids.push(await insert(database, sequence))
      const [, other] = await Promise.all(rivals)
      assertDistinct([...ids, ...other.trim().split('\n').map(Number)])
      await sequence.close()
      assertSound(database, ROWS + 200, mode)
    })
  })
}

it('a checkpoint of the application harms nothing', async (t) => {
  const { database, sequence } = openBoth(t, 'wal')
  for (let i = 0; i < ROWS; i++) {
    await insert(database, sequence)
    if (i % 25 === 0) database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }
  await sequence.close()
  assertSound(database, ROWS, 'wal')
})

it('an open transaction of the application is waited for', async (t) => {
  const { database, sequence } = openBoth(t, 'wal')
  await sequence.ready()
  database.exec('BEGIN IMMEDIATE')
  // Two ranges may be in hand.
  const waiting = Promise.all([1, 2, 3].map(() => sequence.nextId()))
  database.run('INSERT INTO orders VALUES (?, ?)', 1, 'owl')
  const early = await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 50))])
  assert.equal(early, undefined, 'no claim within the transaction')
  database.exec('COMMIT')
  assertDistinct(await waiting)
  await sequence.close()
  assertSound(database, 1, 'wal')
})

it('only SQLite’s own files stand beside the database', async (t) => {
  const { path, database, sequence } = openBoth(t, 'delete')
  await sequence.nextId()
  const files = readdirSync(dirname(path)).filter((name) => !/^app\.db(-wal|-shm|-journal)?$/.test(name))
  assert.deepEqual(files, [])
  await sequence.close()
  database.close()
})

it('a table of the application of that name is left alone', async (t) => {
  const { path, url } = sqliteFile(t, 'app.db')
  const database = open(path)
  database.exec("CREATE TABLE ids (person TEXT); INSERT INTO ids VALUES ('ann')")
  const sequence = openSequence('orders', { url })
  await assert.rejects(sequence.nextId(), { code: BAD })
  await sequence.close()
  assert.equal(database.value('SELECT person FROM ids'), 'ann')
  assert.equal(database.value('SELECT count(*) FROM ids'), 1)
  database.close()
})

it('a second copy of the add-on takes no claim with it', async (t) => {
  const { path: database, directory: path, url } = sqliteFile(t, 'app.db')
  const sequence = openSequence('a', { url, ...claimEach })
  const ids = [await sequence.nextId()]
  const log = statSync(`${database}-wal`).ino
  cpSync(dirname(PACKAGE), join(path, 'js'), { recursive: true })
  const second = createRequire(import.meta.url)(join(path, 'js', 'index.cjs'))
  assert.notEqual(second.openSequence, texample.openSequence)
  for (let round = 0; round < 3; round++) {
    const other = second.openSequence('b', { url })
    await other.nextId()
    await other.close()
    for (let i = 0; i < 20; i++) ids.push(await sequence.nextId())
    // A process that opens the file later could take itself for the last connection.
    await drawer({ url, name: 'a', count: 20, options: claimEach, file: join(path, `drawn${round}`) }).done
    for (let i = 0; i < 20; i++) ids.push(await sequence.nextId())
  }
  assertDistinct([...ids, ...drawn(path)])
  assert.equal(statSync(`${database}-wal`).ino, log, 'the write-ahead log stays where it is')
  assert.equal(sequence.stats().errors, 0)
  await sequence.close()
  assert.ok(!existsSync(`${database}-wal`), 'the last one to close leaves one file')
})

it('libsql opens and closes the file, and no id comes twice', async (t) => {
  const { path: database, directory: path, url } = sqliteFile(t, 'app.db')
  const options = { step: 1, maxStep: 3, horizon: 0 }
  const libsql = createRequire(import.meta.url).resolve('libsql')
  const [started, over] = ['started', 'over'].map((name) => join(path, name))
  // A process of its own: libsql keeps the file open to its end, and Windows would not remove it.
  const hosted = printed(`
    const { existsSync, writeFileSync } = require('node:fs')
    const Libsql = require(${JSON.stringify(libsql)})
    const sequence = texample.openSequence('a', ${JSON.stringify({ url, ...options })})
    const ids = [await sequence.nextId()]
    writeFileSync(${JSON.stringify(started)}, '')
    while (!existsSync(${JSON.stringify(over)})) {
      // Its close drops every lock of this process on the file, as POSIX has it.
      const second = new Libsql(${JSON.stringify(database)})
      second.prepare('SELECT count(*) FROM ids').get()
      second.close()
      for (let i = 0; i < 20; i++) ids.push(await sequence.nextId())
      await new Promise(setImmediate)
    }
    console.log(JSON.stringify(ids))
    await sequence.close()`)
  while (!existsSync(started)) await Promise.race([hosted, new Promise((resolve) => setTimeout(resolve, 5))])
  const rivals = [1, 2].map((i) => drawer({ url, name: 'a', count: 500, options, file: join(path, `drawn${i}`) }))
  await Promise.all(rivals.map((one) => one.done)).finally(() => writeFileSync(over, ''))
  assertDistinct([...JSON.parse(await hosted), ...drawn(path)])
})
