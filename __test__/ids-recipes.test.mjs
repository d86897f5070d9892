/** Two copies of SQLite in one process. */

import assert from 'node:assert/strict'
import { cpSync, existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import Database from 'libsql'
import { assertDistinct, drawer, drawn, folder, PACKAGE } from '../devtools/ids.mjs'
import texample from '../js/index.cjs'

const { openSequence } = texample

test('a second copy of the add-on that was the last to close the file takes no claim with it', async (t) => {
  const path = folder(t)
  const file = join(path, 'ids.db')
  const url = `sqlite:${file}`
  const options = { step: 1, maxStep: 1, horizon: 0 }
  const sequence = openSequence('a', { url, ...options })
  const ids = [await sequence.nextId()]
  const log = statSync(`${file}-wal`).ino
  cpSync(dirname(PACKAGE), join(path, 'js'), { recursive: true })
  const copy = createRequire(import.meta.url)(join(path, 'js', 'index.cjs'))
  assert.notEqual(copy.openSequence, openSequence)
  for (let round = 0; round < 3; round++) {
    // SQLite's own locks do not hold between copies of it in one process, and who closes a file drops those of the others.
    const other = copy.openSequence('b', { url })
    await other.nextId()
    await other.close()
    for (let i = 0; i < 20; i++) ids.push(await sequence.nextId())
    // A process that comes after it, and takes itself for the last one.
    await drawer({ url, name: 'a', count: 20, options, file: join(path, `drawn${round}`) }).done
    for (let i = 0; i < 20; i++) ids.push(await sequence.nextId())
  }
  assertDistinct([...ids, ...drawn(path)])
  // Elsewhere it may be taken away, which is noticed.
  if (process.platform === 'linux') assert.equal(statSync(`${file}-wal`).ino, log, 'it is guarded')
  if (process.platform === 'linux') assert.equal(sequence.stats().errors, 0, 'and no claim had to be abandoned')
  await sequence.close()
  assert.ok(!existsSync(`${file}-wal`), 'the last one to close leaves one file')
})

test('a second copy of SQLite that opens and closes the file lets nobody claim twice', async (t) => {
  const path = folder(t)
  const file = join(path, 'ids.db')
  const url = `sqlite:${file}`
  const options = { step: 1, maxStep: 3, horizon: 0 }
  const sequence = openSequence('a', { url, ...options })
  const ids = [await sequence.nextId()]
  const rivals = [1, 2].map((i) => drawer({ url, name: 'a', count: 1500, options, file: join(path, `drawn${i}`) }))
  let over = false
  const others = Promise.all(rivals.map((one) => one.done)).finally(() => {
    over = true
  })
  while (!over) {
    // Its close drops every lock of this process on the file, as POSIX has it.
    const second = new Database(file)
    second.prepare('SELECT count(*) FROM ids').get()
    second.close()
    for (let i = 0; i < 20; i++) ids.push(await sequence.nextId())
    await new Promise(setImmediate)
  }
  await others
  assertDistinct([...ids, ...drawn(path)])
  await sequence.close()
})
