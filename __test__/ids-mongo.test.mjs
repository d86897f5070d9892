/** Ids from a MongoDB server: documents, integers, credentials, TLS, and answers that are lost. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Double, Int32, Long, MongoClient } from 'mongodb'
import { assertDistinct, folder, output, program, settled } from '../devtools/ids.mjs'
import { startStandalone } from '../devtools/mongod.mjs'
import { OriginalIds } from '../devtools/original-ids.mjs'
import { startProxy } from '../devtools/proxy.mjs'
import texample from '../js/index.cjs'

const { openSequence } = texample
const BAD = 'ERR_TEXAMPLE_SEQUENCE_BAD_DOCUMENT'
const UNAVAILABLE = 'ERR_TEXAMPLE_SEQUENCE_UNAVAILABLE'

/** @type {Awaited<ReturnType<typeof startStandalone>>} */
let server
/** @type {MongoClient} */
let client
/** @type {import('mongodb').Collection<any>} */
let collection

before(async () => {
  server = await startStandalone()
  client = await new MongoClient(server.uri).connect()
  collection = client.db('app').collection('ids')
})
after(async () => {
  await client?.close()
  await server?.stop()
})

let names = 0
/** @param {any} [index] what the document holds; nothing = no document */
async function fresh(index) {
  const name = `s${++names}`
  if (index !== undefined) await collection.insertOne({ _id: name, index })
  return { name, url: `${server.uri}app` }
}
/** @param {string} name */
const raw = async (name) => collection.findOne({ _id: name }, { promoteValues: false, promoteLongs: false })

test('a sequence is the document { _id, index: long } of the original, and starts at 1000', async () => {
  const { name, url } = await fresh()
  const sequence = openSequence(name, { url })
  assert.equal(await sequence.nextId(), 1000)
  const document = await raw(name)
  assert.deepEqual(Object.keys(document), ['_id', 'index'])
  assert.ok(document.index instanceof Long)
  assert.equal(document.index.toString(), '1010')
  await sequence.close()
  assert.equal((await raw(name)).index.toString(), '1001', 'close gave the rest back')
})

test('no database in the URL means test; a collection can be chosen', async () => {
  const sequence = openSequence('here', { url: server.uri, collection: 'numbers', start: 5 })
  assert.equal(await sequence.nextId(), 5)
  assert.ok(
    await client
      .db('test')
      .collection('numbers')
      .findOne({ _id: /** @type {any} */ ('here') }),
  )
  await sequence.close()
})

test('an index stored as int32, int64 or integral double goes on where it is', async () => {
  for (const [index, first] of [
    [new Int32(5), 5],
    [Long.fromNumber(7), 7],
    [new Double(1234), 1234],
    [new Double(2 ** 31), 2 ** 31],
    [new Int32(2 ** 31 - 3), 2 ** 31 - 3],
    [new Double(2 ** 53 - 100), 2 ** 53 - 100],
    [new Int32(0), 0],
  ]) {
    const { name, url } = await fresh(index)
    const sequence = openSequence(name, { url, step: 20 })
    const ids = await sequence.nextIds(20)
    assert.deepEqual(
      [...ids],
      Array.from({ length: 20 }, (_, i) => Number(first) + i),
    )
    assert.ok((await raw(name)).index instanceof Long)
    await sequence.close()
  }
})

test('a double is converted once, whoever converts it', async () => {
  const { name, url } = await fresh(new Double(5000))
  const code = `
    const sequence = texample.openSequence(${JSON.stringify(name)}, { url: ${JSON.stringify(url)} })
    console.log([...(await sequence.nextIds(5))].join())`
  const texts = await Promise.all(Array.from({ length: 8 }, () => output(program(code))))
  const ids = texts.flatMap((text) => text.split(',').map(Number))
  assertDistinct(ids)
  assert.equal(Math.min(...ids), 5000)
})

test('an index that is no countable integer is BAD_DOCUMENT at once, and stays as it is', async () => {
  for (const [index, text] of [
    ['123', /"123" \(string\)/],
    ['abc', /"abc" \(string\)/],
    [null, /null/],
    [[5], /array/],
    [[], /array/],
    [new Date(0), /date/],
    [true, /true \(boolean\)/],
    [new Double(1.5), /1\.5 \(double\)/],
    [new Double(Number.NaN), /NaN/],
    [new Double(-3), /-3/],
    [new Int32(-1), /-1 \(negative integer\)/],
    [Long.MIN_VALUE, /negative/],
    [new Double(2 ** 53), /double/],
    [{ a: 1 }, /document/],
  ]) {
    const { name, url } = await fresh(index)
    const before = await raw(name)
    const sequence = openSequence(name, { url, timeout: 60_000 })
    const begun = performance.now()
    const [, error] = await settled(sequence.nextId())
    assert.equal(error?.code, BAD, `${index}: ${error?.stack}`)
    assert.match(error.message, /** @type {RegExp} */ (text))
    assert.ok(performance.now() - begun < 30_000)
    assert.deepEqual(await raw(name), before)
    // Mended, it works at once.
    await collection.updateOne({ _id: name }, { $set: { index: 7 } })
    assert.equal(await sequence.nextId(), 7)
    await sequence.close()
  }
  const { name, url } = await fresh()
  await collection.insertOne({ _id: name, other: 1 })
  const sequence = openSequence(name, { url })
  await assert.rejects(sequence.nextId(), { code: BAD, message: /no index/ })
  await sequence.close()
})

test('at the end of all integers the last ids are handed out, then the sequence is exhausted', async () => {
  const { name, url } = await fresh(Long.MAX_VALUE.subtract(4))
  const sequence = openSequence(name, { url, bigint: true })
  assert.deepEqual(
    [...(await sequence.nextIds(4))],
    [1, 2, 3, 4].map((i) => 2n ** 63n - 6n + BigInt(i)),
  )
  await assert.rejects(sequence.nextId(), { code: 'ERR_TEXAMPLE_SEQUENCE_EXHAUSTED' })
  await sequence.close()
  const number = openSequence(name, { url })
  await assert.rejects(number.nextId(), { code: 'ERR_TEXAMPLE_SEQUENCE_EXHAUSTED' })
  await number.close()
})

test('numbers end at 2^53 - 1, bigints go on', async () => {
  const { name, url } = await fresh(Long.fromString('9007199254740990'))
  const number = openSequence(name, { url, step: 5 })
  assert.equal(await number.nextId(), 2 ** 53 - 2)
  assert.equal(await number.nextId(), 2 ** 53 - 1)
  await assert.rejects(number.nextId(), { code: 'ERR_TEXAMPLE_SEQUENCE_EXHAUSTED' })
  await number.close()
  const big = openSequence(name, { url, bigint: true })
  assert.ok((await big.nextId()) >= 2n ** 53n)
  await big.close()
})

test('clients of the original algorithm and ours draw from one document, none twice', async () => {
  const { name, url } = await fresh()
  const ours = [1, 2].map(() => openSequence(name, { url, maxStep: 50, horizon: 50 }))
  await ours[0].ready()
  const originals = await Promise.all([10, 1].map((step) => new OriginalIds(collection, name, step).open()))
  const draws = [...ours, ...originals].map(async (one) => {
    const ids = []
    for (let i = 0; i < 500; i++) ids.push(await one.nextId())
    return ids
  })
  assertDistinct((await Promise.all(draws)).flat())
  await Promise.all(ours.map((one) => one.close()))
})

test('64 processes create the same sequence at once: nobody fails, and the first id is the start', async () => {
  const { name, url } = await fresh()
  const code = `
    const sequence = texample.openSequence(${JSON.stringify(name)}, { url: ${JSON.stringify(url)}, start: 7 })
    console.log(await sequence.nextId())`
  const ids = (await Promise.all(Array.from({ length: 64 }, () => output(program(code))))).map(Number)
  assertDistinct(ids)
  assert.equal(Math.min(...ids), 7)
})

test('a counter that went back is an error for every pool that had claimed from it', async () => {
  for (const [back, text] of /** @type {[(name: string) => Promise<any>, RegExp][]} */ ([
    [(name) => collection.updateOne({ _id: name }, { $set: { index: Long.fromNumber(1003) } }), /went back/],
    [(name) => collection.deleteOne({ _id: name }), /is gone/],
    [
      async (name) => {
        await collection.deleteOne({ _id: name })
        await collection.insertOne({ _id: name, index: 1000 })
      },
      /went back/,
    ],
  ])) {
    const { name, url } = await fresh()
    const sequence = openSequence(name, { url, step: 10, maxStep: 10, horizon: 0 })
    const ids = [...(await sequence.nextIds(10)), ...(await sequence.nextIds(9))]
    await back(name)
    let error
    for (let i = 0; i < 100 && !error; i++) {
      const [id, failure] = await settled(sequence.nextId())
      error = failure
      if (id !== undefined) ids.push(id)
    }
    assert.equal(error?.code, BAD)
    assert.match(error.message, text)
    assertDistinct(ids)
    // It stays an error, and the pool claims no more.
    const index = (await raw(name))?.index.toString()
    for (let i = 0; i < 3; i++) await assert.rejects(sequence.nextIds(10), { code: BAD })
    assert.throws(() => sequence.nextIdSync(), { code: BAD })
    assert.equal((await raw(name))?.index.toString(), index)
    await sequence.close()
  }
})

test('a rival claim before close loses nothing', async () => {
  const { name, url } = await fresh()
  const sequence = openSequence(name, { url })
  assert.equal(await sequence.nextId(), 1000)
  await collection.updateOne({ _id: name }, { $inc: { index: 10 } })
  await sequence.close()
  assert.equal((await raw(name)).index.toString(), '1020')
})

test('a give-back whose answer is lost, followed by a rival’s claim of as many ids, hands out nothing twice', async (t) => {
  const proxy = await startProxy(server.port)
  t.after(() => proxy.stop())
  const { name } = await fresh()
  const sequence = openSequence(name, { url: `mongodb://127.0.0.1:${proxy.port}/app?directConnection=true` })
  const first = await sequence.nextId()
  assert.equal(first, 1000)
  proxy.lose((request) => request.includes('\x02update\0'))
  const begun = performance.now()
  await sequence.close()
  assert.ok(performance.now() - begun < 12_000, 'close is bounded')
  assert.equal(proxy.lost, 1, 'sent once')
  assert.equal((await raw(name)).index.toString(), '1001', 'it was applied')
  const rival = await collection.findOneAndUpdate({ _id: name }, { $inc: { index: 9 } }, { returnDocument: 'after' })
  assert.equal(rival.index, 1010)
  proxy.lose(undefined)
  const again = openSequence(name, { url: `mongodb://127.0.0.1:${proxy.port}/app?directConnection=true` })
  assert.equal(await again.nextId(), 1010)
  await again.close()
})

test('a claim whose answer is lost is abandoned, and the next one serves', async (t) => {
  const proxy = await startProxy(server.port)
  t.after(() => proxy.stop())
  const { name } = await fresh()
  const sequence = openSequence(name, { url: `mongodb://127.0.0.1:${proxy.port}/app?directConnection=true` })
  let answers = 1
  proxy.lose((request) => request.includes('\x02findAndModify\0') && answers-- > 0)
  const ids = [...(await sequence.nextIds(10))]
  // The first attempt created nothing, or was applied and lost; either way nothing comes twice.
  answers = 2
  ids.push(...(await sequence.nextIds(5000)))
  assertDistinct(ids)
  const { errors, retries } = sequence.stats()
  assert.ok(errors >= 2 && retries >= 2, `${errors} errors, ${retries} retries`)
  await sequence.close()
})

test('a network that hangs, resets or refuses for a while costs nobody a call', async (t) => {
  const proxy = await startProxy(server.port)
  t.after(() => proxy.stop())
  for (const mode of /** @type {const} */ (['hang', 'reset', 'refuse'])) {
    const { name } = await fresh()
    const url = `mongodb://127.0.0.1:${proxy.port}/app?directConnection=true`
    const sequence = openSequence(name, { url, step: 5, maxStep: 5, horizon: 0 })
    const ids = [await sequence.nextId()]
    proxy.set(mode)
    const waiting = Promise.all(Array.from({ length: 50 }, () => sequence.nextId()))
    const failed = sequence.stats().errors
    if (mode !== 'reset') {
      for (
        const begun = performance.now();
        sequence.stats().errors === failed && performance.now() - begun < 20_000;
      ) {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      assert.ok(sequence.stats().errors > failed, `${mode} was noticed`)
    }
    proxy.set('pass')
    ids.push(...(await waiting))
    assertDistinct(ids)
    await sequence.close()
  }
})

test('retries are spaced out, up to a second apart', async (t) => {
  const proxy = await startProxy(server.port)
  t.after(() => proxy.stop())
  const { name } = await fresh()
  proxy.set('refuse')
  const url = `mongodb://127.0.0.1:${proxy.port}/app?directConnection=true&serverSelectionTimeoutMS=1`
  const sequence = openSequence(name, { url, timeout: 4000 })
  const [, error] = await settled(sequence.nextId())
  assert.equal(error.code, UNAVAILABLE)
  // 20 ms doubled up to 1 s, with jitter of one half: within 4 s at least 8 retries, at most 16, and some that last.
  const { retries } = sequence.stats()
  assert.ok(retries >= 4 && retries <= 16, `${retries} retries`)
  await sequence.close()
})

test('credentials: right ones work, wrong ones are an error at once that shows no password', async (t) => {
  const secured = await startStandalone({ auth: true })
  t.after(() => secured.stop())
  const admin = new MongoClient(secured.uri)
  await admin.db('admin').command({
    createUser: 'ann',
    pwd: 'p@ss/word',
    roles: [{ role: 'readWrite', db: 'app' }],
  })
  await admin.close()
  const url = (/** @type {string} */ password, database = 'app') =>
    `mongodb://ann:${encodeURIComponent(password)}@127.0.0.1:${secured.port}/${database}?authSource=admin`
  const right = openSequence('a', { url: url('p@ss/word') })
  assert.equal(await right.nextId(), 1000)
  await right.close()
  for (const [wrong, text] of /** @type {[string, RegExp][]} */ ([
    [url('s3cret/x'), /auth/i],
    [url('p@ss/word', 'other'), /not authorized/i],
    [`mongodb://127.0.0.1:${secured.port}/app`, /auth/i],
  ])) {
    const sequence = openSequence('a', { url: wrong, timeout: 60_000 })
    const begun = performance.now()
    const [, error] = await settled(sequence.nextId())
    assert.equal(error.code, UNAVAILABLE)
    assert.match(error.message, text)
    assert.ok(performance.now() - begun < 30_000, 'at once')
    assert.ok(error.cause)
    const everything = error.stack + error.cause.stack + JSON.stringify(sequence.stats())
    assert.doesNotMatch(everything, /s3cret|p@ss|p%40ss/)
    await sequence.close()
  }
})

test('TLS as the URL says', async (t) => {
  const path = folder(t)
  const openssl = (/** @type {string[]} */ ...args) => execFileSync('openssl', args, { cwd: path, stdio: 'pipe' })
  const subject = ['-subj', '/O=texample/CN=localhost']
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    ...['-subj', '/O=texample/CN=ca'],
  )
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'server.key', '-out', 'server.csr', ...subject)
  writeFileSync(join(path, 'san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'server.crt',
    '-days',
    '2',
    '-extfile',
    'san',
  )
  const pem = readFileSync(join(path, 'server.crt'), 'utf8') + readFileSync(join(path, 'server.key'), 'utf8')
  writeFileSync(join(path, 'server.pem'), pem)
  const args = ['--tlsMode', 'requireTLS', '--tlsCertificateKeyFile', join(path, 'server.pem')]
  args.push('--tlsCAFile', join(path, 'ca.pem'), '--tlsAllowConnectionsWithoutCertificates')
  const secured = await startStandalone({ args })
  t.after(() => secured.stop())

  const url = `mongodb://localhost:${secured.port}/app`
  const right = openSequence('a', { url: `${url}?tls=true&tlsCAFile=${encodeURIComponent(join(path, 'ca.pem'))}` })
  assert.equal(await right.nextId(), 1000)
  await right.close()
  for (const wrong of [url, `${url}?tls=true`]) {
    const sequence = openSequence('a', { url: wrong, timeout: 2500 })
    await assert.rejects(sequence.nextId(), { code: UNAVAILABLE })
    await sequence.close()
  }
})

test('a process that ends without close reuses nothing, and one that closes gives back', async () => {
  const { name, url } = await fresh()
  const code = (/** @type {string} */ end) => `
    const sequence = texample.openSequence(${JSON.stringify(name)}, { url: ${JSON.stringify(url)} })
    console.log(await sequence.nextId())
    ${end}`
  assert.equal(await output(program(code(''))), '1000\n')
  assert.equal(await output(program(code('process.exit()'))), '1010\n')
  assert.equal(await output(program(code('await sequence.close()'))), '1020\n')
  assert.equal(await output(program(code('await sequence.close()'))), '1021\n')
})
