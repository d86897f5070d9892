/** `texample ids show|next|set|import`. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, it } from 'node:test'
import { Long, MongoClient, ObjectId } from 'mongodb'
import { DEVTOOLS, folder } from '../devtools/ids.mjs'
import { startStandalone } from '../devtools/mongod.mjs'

const CLI = join(DEVTOOLS, '..', 'js', 'cli.cjs')
const server = await startStandalone()
after(() => server.stop())

/** Not by spawnSync: mongod waits for this process to read what it logs. */
const ids = (...args) => cli(process.cwd(), ...args)

async function cli(cwd, ...args) {
  const child = spawn(process.execPath, [CLI, 'ids', ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { status, stdout, stderr }
}

it('a sequence is looked at, drawn from and moved', async (t) => {
  const file = join(folder(t), 'ids.db')
  for (const url of [`sqlite:${file}`, `${server.uri}app`]) {
    const missing = await ids('show', 'a', '--url', url)
    assert.equal(missing.status, 1)
    assert.match(missing.stderr, /no sequence "a"/)
    assert.equal(existsSync(file), url !== `sqlite:${file}`, 'reading creates nothing')
    assert.equal((await ids('next', 'a', '-u', url)).stdout, '1000\n')
    assert.equal((await ids('show', 'a', '-u', url)).stdout, '1001\n')
    assert.deepEqual(await ids('set', 'a', '5000', '-u', url), { status: 0, stdout: '', stderr: '' })
    assert.equal((await ids('a', '-n', '2', '-u', url)).stdout, '5000\n5001\n')
    const back = await ids('set', 'a', '4000', '-u', url)
    assert.notEqual(back.status, 0)
    assert.match(back.stderr, /is at 5002.*second time/)
    assert.equal((await ids('show', 'a', '-u', url)).stdout, '5002\n')
    assert.equal((await ids('set', 'a', '4000', '--force', '-u', url)).status, 0)
    assert.equal((await ids('show', 'a', '-u', url)).stdout, '4000\n')
    assert.equal((await ids('set', 'new', '9223372036854775000', '-u', url)).status, 0)
    assert.equal((await ids('show', 'new', '-u', url)).stdout, '9223372036854775000\n')
    assert.equal((await ids('next', 'new', '-u', url, '--collection', 'other')).stdout, '1000\n')
  }
})

it('counters of other libraries are taken over', async (t) => {
  const url = `${server.uri}imported`
  const client = await new MongoClient(url).connect()
  t.after(() => client.close())
  const insert = (collection, documents) => client.db().collection(collection).insertMany(documents)
  const country = new ObjectId('59c380f51207391238e7f3f2')
  await insert('counters', [
    { id: 'order', reference_value: null, seq: 41 },
    { id: 'inhabitant', reference_value: { city: 'Paris', country }, seq: 7 },
    { id: 'inhabitant', reference_value: { city: null, country }, seq: Long.fromString('9007199254740993') },
    { id: 'daily', reference_value: { day: new Date(0) }, seq: 0 },
  ])
  assert.deepEqual(await ids('import', 'counters', '-u', url), {
    status: 0,
    stdout:
      'order goes on at 42\n' +
      'inhabitant/Paris/59c380f51207391238e7f3f2 goes on at 8\n' +
      'inhabitant//59c380f51207391238e7f3f2 goes on at 9007199254740994\n' +
      'daily/1970-01-01T00:00:00.000Z goes on at 1\n',
    stderr: '',
  })
  assert.equal((await ids('order', '-u', url)).stdout, '42\n')
  assert.match((await ids('import', 'counters', '-u', url)).stdout, /^order stays at 43, which is past 42\n/)

  await insert('identitycounters', [
    { model: 'Book', field: '_id', count: 4, __v: 0 },
    { model: 'Book', field: 'bookId', groupingField: 'x', count: -1 },
  ])
  const file = `sqlite:${join(folder(t), 'ids.db')}`
  const imported = await ids('import', 'identitycounters', '--from', url, '-u', file)
  assert.equal(imported.stdout, 'Book._id goes on at 5\nBook.bookId/x goes on at 0\n')
  assert.equal((await ids('show', 'Book._id', '-u', file)).stdout, '5\n')

  await insert('byHand', [{ _id: 'userid', sequence_value: 12 }])
  assert.equal((await ids('import', 'byHand', '-u', url)).stdout, 'userid goes on at 13\n')

  for (const [documents, expected] of [
    [[], /no document in the collection/],
    [[{ a: 1 }], /not a counter/],
    [[{ id: 'a', seq: 1.5 }], /not an integer/],
    [[{ id: 'a', seq: -2 }], /not an integer from -1/],
    [[{ id: 'a', reference_value: { b: { c: 1 } }, seq: 1 }], /is an object/],
    [
      [
        { id: 'a', seq: 1 },
        { id: 'a', reference_value: {}, seq: 2 },
      ],
      /would both be the sequence "a"/,
    ],
  ]) {
    await client.db().collection('wrong').deleteMany({})
    if (documents.length > 0) await insert('wrong', documents)
    const { status, stderr } = await ids('import', 'wrong', '-u', url)
    assert.equal(status, 1)
    assert.match(stderr, expected)
    assert.equal((await ids('show', 'a', '-u', url)).status, 1, 'nothing was written')
  }
})

it('import says which package it needs', async (t) => {
  const { status, stderr } = await cli(folder(t), 'import', 'counters', '-u', 'mongodb://127.0.0.1:1/')
  assert.equal(status, 1)
  assert.match(stderr, /mongoose or mongodb.*npm install mongodb/)
})

it('wrong usage is exit code 2', async () => {
  for (const args of [
    ['set', 'a'],
    ['set', 'a', 'x'],
    ['set', 'a', '-1'],
    ['set', 'a', '9223372036854775808'],
    ['show', 'a', 'b'],
    ['next', 'a', '--force'],
    ['show', 'a', '-n', '3'],
    ['import'],
    ['import', 'counters'],
    ['import', 'counters', 'more'],
    ['show', 'a', '--from', 'mongodb://127.0.0.1:1/'],
  ]) {
    assert.equal((await ids(...args, '-u', 'memory:')).status, 2, args.join(' '))
  }
})
