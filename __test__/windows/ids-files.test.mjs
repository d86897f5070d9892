/** SQLite files as Windows names, locks and removes them. */

import assert from 'node:assert/strict'
import { closeSync, mkdirSync, openSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { assertDistinct, folder, printed } from '../../devtools/ids.mjs'
import { holdLock, sql } from '../../devtools/sqlite.mjs'
import { claimEach, failsAtOnce, openSequence, sqliteFile, UNAVAILABLE } from '../support/ids.mjs'

/** One id of a sequence, taken and given up with the handle. */
async function draw(url) {
  const sequence = openSequence('a', { url, ...claimEach })
  try {
    return await sequence.nextId()
  } finally {
    await sequence.close()
  }
}

it('a path with a drive letter has many spellings', async (t) => {
  const { path: file } = sqliteFile(t)
  assert.match(file, /^[A-Z]:\\/)
  const slashes = file.replaceAll('\\', '/')
  const last = path.basename(file)
  const urls = [
    `sqlite:${file}`,
    `sqlite:${slashes}`,
    `sqlite://${file}`,
    `sqlite://${slashes}`,
    `sqlite:///${slashes}`,
    `sqlite:${pathToFileURL(file).pathname}`,
    `sqlite:${file[0].toLowerCase()}${file.slice(1)}`,
    `sqlite:\\\\?\\${file}`,
    `sqlite:${file.slice(0, -last.length)}${last.toUpperCase()}`,
  ]
  for (const [index, url] of urls.entries()) assert.equal(await draw(url), 1000 + index, url)
  // All at once, each with a claim for each id.
  const sequences = urls.map((url) => openSequence('a', { url, ...claimEach }))
  const ids = []
  for (let i = 0; i < 5; i++) for (const sequence of sequences) ids.push(await sequence.nextId())
  assertDistinct(ids)
})

it('a symbolic link to an application’s file is refused', async (t) => {
  const file = path.join(folder(t), 'app.db')
  const link = path.join(folder(t), 'link.db')
  symlinkSync(file, link)
  assert.equal(await draw(`sqlite:${link}`), 1000)
  sql(file, 'CREATE TABLE orders (id INTEGER)')
  const message = /symbolic link.* name the file itself/
  await assert.rejects(draw(`sqlite:${link}`), { code: UNAVAILABLE, message })
  assert.equal(await draw(`sqlite:${file}`), 1001)
})

it('a relative path takes both separators', async (t) => {
  const cwd = folder(t)
  mkdirSync(path.join(cwd, 'in'))
  const code = `
    for (const url of ['sqlite:in\\\\ids.db', 'sqlite:in/ids.db', 'sqlite:.\\\\in\\\\ids.db']) {
      const sequence = texample.openSequence('a', { url })
      console.log(await sequence.nextId())
      await sequence.close()
    }`
  assert.equal(await printed(code, { cwd }), '1000\n1001\n1002\n')
})

it('a path of more than 260 characters works', async (t) => {
  const deep = path.join(folder(t), ...Array.from({ length: 6 }, () => 'x'.repeat(60)))
  mkdirSync(deep, { recursive: true })
  const url = `sqlite:${path.join(deep, 'ids.db')}`
  assert.deepEqual([await draw(url), await draw(url)], [1000, 1001])
  // wine opens it in any case; Windows only with this prefix, where long paths are not switched on.
  const missing = openSequence('a', { url: `sqlite:${path.join(deep, 'none', 'ids.db')}` })
  await assert.rejects(missing.nextId(), ({ message }) => message.includes('\\\\?\\C:\\'))
})

it('a name that no file can have is a typed error', async (t) => {
  for (const name of ['a<b.db', 'a|b.db', 'none\\ids.db']) {
    const sequence = openSequence('a', { url: `sqlite:${path.join(folder(t), name)}`, timeout: 60_000 })
    const { message } = await failsAtOnce(sequence.nextId(), UNAVAILABLE)
    assert.ok(message.includes(name.split('\\')[0]), message)
  }
})

it('a file that another process has open serves ids', async (t) => {
  const { path: file, url } = sqliteFile(t)
  assert.equal(await draw(url), 1000)
  const reader = openSync(file, 'r')
  try {
    assert.equal(await draw(url), 1001)
  } finally {
    closeSync(reader)
  }
})

it('a file that stays locked is a typed error in time', async (t) => {
  const { path: file, url } = sqliteFile(t)
  assert.equal(await draw(url), 1000)
  const release = await holdLock(t, file)
  const hasty = openSequence('a', { url, timeout: 500 })
  await assert.rejects(hasty.nextId(), { code: /ERR_TEXAMPLE_SEQUENCE_(UNAVAILABLE|TIMEOUT)/ })
  const patient = openSequence('a', { url })
  const id = patient.nextId()
  await release()
  assert.ok((await id) > 1000)
})

it('after close() the file can be renamed and removed', async (t) => {
  const { path: file, url } = sqliteFile(t)
  await draw(url)
  renameSync(file, `${file}.old`)
  rmSync(`${file}.old`)
  assert.equal(await draw(url), 1000)
})
