/** Ids from a MongoDB server: documents, integers, credentials, TLS, and answers that are lost. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Double, Int32, Long, MongoClient } from 'mongodb'
import { assertDistinct, folder, printed, settled } from '../devtools/ids.mjs'
import { startStandalone } from '../devtools/mongod.mjs'
import { OriginalIds } from '../devtools/original-ids.mjs'
import { startProxy } from '../devtools/proxy.mjs'
import {
  BAD,
  EXHAUSTED,
  failsAtOnce,
  INVALID,
  newName,
  openMany,
  openSequence,
  openStore,
  UNAVAILABLE,
} from './support/ids.mjs'

// Failpoints let the server fail with any code.
const server = await startStandalone({ testCommands: true })
const client = await new MongoClient(server.uri).connect()
after(async () => {
  await client.close()
  await server.stop()
})
const collection = client.db('app').collection('ids')

/** @param {any} [index] what the document holds; nothing = no document */
async function fresh(index) {
  const name = newName()
  if (index !== undefined) await collection.insertOne({ _id: name, index })
  return { name, url: `${server.uri}app` }
}
/** A proxy before the server, to the end of the test, and the URL of the database behind it. */
async function proxied(t, options) {
  const proxy = await startProxy(server.port, options)
  t.after(() => proxy.stop())
  return Object.assign(proxy, { url: `mongodb://127.0.0.1:${proxy.port}/app?directConnection=true` })
}

const raw = async (name) => collection.findOne({ _id: name }, { promoteValues: false, promoteLongs: false })

it('a sequence is the original’s document and starts at 1000', async () => {
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

it('no database in the URL means test; a collection can be chosen', async () => {
  const sequence = openSequence('here', { url: server.uri, collection: 'numbers', start: 5 })
  assert.equal(await sequence.nextId(), 5)
  assert.ok(await client.db('test').collection('numbers').findOne({ _id: 'here' }))
})

it('int32, int64 and integral doubles go on where they are', async () => {
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
  }
})

it('a double is converted once, by any process', async () => {
  const { name, url } = await fresh(new Double(5000))
  const code = `
    const sequence = texample.openSequence(${JSON.stringify(name)}, { url: ${JSON.stringify(url)} })
    console.log([...(await sequence.nextIds(5))].join())`
  const texts = await Promise.all(Array.from({ length: 8 }, () => printed(code)))
  const ids = texts.flatMap((text) => text.split(',').map(Number))
  assertDistinct(ids)
  assert.equal(Math.min(...ids), 5000)
})

it('an index that is no integer from 0 is told, and stays', async () => {
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
    const { message } = await failsAtOnce(sequence.nextId(), BAD)
    assert.match(message, text)
    assert.deepEqual(await raw(name), before)
    // A document that is repaired serves the next call.
    await collection.updateOne({ _id: name }, { $set: { index: 7 } })
    assert.equal(await sequence.nextId(), 7)
  }
  const { name, url } = await fresh()
  await collection.insertOne({ _id: name, other: 1 })
  const sequence = openSequence(name, { url })
  await assert.rejects(sequence.nextId(), { code: BAD, message: /no index/ })
})

it('numbers end at 2^53 - 1, bigints go on', async () => {
  const { name, url } = await fresh(Long.fromString('9007199254740990'))
  const number = openSequence(name, { url, step: 5 })
  assert.equal(await number.nextId(), 2 ** 53 - 2)
  assert.equal(await number.nextId(), 2 ** 53 - 1)
  await assert.rejects(number.nextId(), { code: EXHAUSTED })
  await number.close()
  const big = openSequence(name, { url, bigint: true })
  assert.ok((await big.nextId()) >= 2n ** 53n)
})

it('original clients and ours share a document', async () => {
  const { name, url } = await fresh()
  const ours = [1, 2].map(() => openSequence(name, { url, maxStep: 50, horizon: 50 }))
  await ours[0].ready()
  const originals = await Promise.all([10, 1].map((step) => OriginalIds.open(collection, name, step)))
  const draws = [...ours, ...originals].map(async (one) => {
    const ids = []
    for (let i = 0; i < 500; i++) ids.push(await one.nextId())
    return ids
  })
  assertDistinct((await Promise.all(draws)).flat())
  await Promise.all(ours.map((one) => one.close()))
})

it('a release whose answer is lost hands out nothing twice', async (t) => {
  const proxy = await proxied(t)
  const { name } = await fresh()
  const sequence = openSequence(name, { url: proxy.url })
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
  const again = openSequence(name, { url: proxy.url })
  assert.equal(await again.nextId(), 1010)
})

it('a claim whose answer is lost is abandoned', async (t) => {
  const proxy = await proxied(t)
  const { name } = await fresh()
  const sequence = openSequence(name, { url: proxy.url })
  let answers = 1
  proxy.lose((request) => request.includes('\x02findAndModify\0') && answers-- > 0)
  const ids = [...(await sequence.nextIds(10))]
  // The first attempt created nothing, or was applied and lost; either way nothing comes twice.
  answers = 2
  ids.push(...(await sequence.nextIds(5000)))
  assertDistinct(ids)
  const { errors, retries } = sequence.stats()
  assert.ok(errors >= 2 && retries >= 2, `${errors} errors, ${retries} retries`)
})

it('a network that hangs, resets or refuses fails no call', async (t) => {
  const proxy = await proxied(t)
  for (const mode of ['hang', 'reset', 'refuse']) {
    const { name } = await fresh()
    const sequence = openSequence(name, { url: proxy.url, step: 5, maxStep: 5, horizon: 0 })
    const ids = [await sequence.nextId()]
    proxy.set(mode)
    const waiting = Promise.all(Array.from({ length: 50 }, () => sequence.nextId()))
    const failed = sequence.stats().errors
    if (mode !== 'reset') {
      for (const end = Date.now() + 20_000; sequence.stats().errors === failed && Date.now() < end; ) await sleep(20)
      assert.ok(sequence.stats().errors > failed, `${mode} was noticed`)
    }
    proxy.set('pass')
    ids.push(...(await waiting))
    assertDistinct(ids)
    await sequence.close()
  }
})

it('retries are spaced out, up to a second apart', async (t) => {
  const proxy = await proxied(t)
  const { name } = await fresh()
  proxy.set('refuse')
  const url = `${proxy.url}&serverSelectionTimeoutMS=1`
  const sequence = openSequence(name, { url, timeout: 4000 })
  const [, error] = await settled(sequence.nextId())
  assert.equal(error.code, UNAVAILABLE)
  // 20 ms doubled up to 1 s, with jitter of one half: 8 to 16 retries within 4 s, fewer where an
  // attempt takes long.
  const { retries } = sequence.stats()
  assert.ok(retries >= 4 && retries <= 16, `${retries} retries`)
})

it('wrong credentials are told at once, and not shown', async (t) => {
  const secured = await startStandalone({ auth: true })
  t.after(() => secured.stop())
  const admin = new MongoClient(secured.uri)
  await admin.db('admin').command({
    createUser: 'ann',
    pwd: 'p@ss/word',
    roles: [{ role: 'readWrite', db: 'app' }],
  })
  await admin.close()
  const url = (password, database = 'app') =>
    `mongodb://ann:${encodeURIComponent(password)}@127.0.0.1:${secured.port}/${database}?authSource=admin`
  const right = openSequence('a', { url: url('p@ss/word') })
  assert.equal(await right.nextId(), 1000)
  await right.close()
  for (const [wrong, text] of [
    [url('s3cret/x'), /auth/i],
    [url('p@ss/word', 'other'), /not authorized/i],
    [`mongodb://127.0.0.1:${secured.port}/app`, /auth/i],
  ]) {
    const sequence = openSequence('a', { url: wrong, timeout: 60_000 })
    const error = await failsAtOnce(sequence.nextId(), UNAVAILABLE)
    assert.match(error.message, text)
    assert.ok(error.cause)
    const everything = error.stack + error.cause.stack + JSON.stringify(sequence.stats())
    assert.doesNotMatch(everything, /s3cret|p@ss|p%40ss/)
  }
})

it('TLS as the URL says', async (t) => {
  const path = folder(t)
  const openssl = (line) => execFileSync('openssl', line.split(' '), { cwd: path, stdio: 'pipe' })
  openssl('req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /O=texample/CN=ca')
  openssl('req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /O=texample/CN=localhost')
  writeFileSync(join(path, 'san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  const authority = '-CA ca.pem -CAkey ca.key -CAcreateserial'
  openssl(`x509 -req -in server.csr ${authority} -out server.crt -days 2 -extfile san`)
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
  }
})

it('a process that ends without close reuses nothing', async () => {
  const { name, url } = await fresh()
  const code = (end) => `
    const sequence = texample.openSequence(${JSON.stringify(name)}, { url: ${JSON.stringify(url)} })
    console.log(await sequence.nextId())
    ${end}`
  assert.equal(await printed(code('')), '1000\n')
  assert.equal(await printed(code('process.exit()')), '1010\n')
  assert.equal(await printed(code('await sequence.close()')), '1020\n')
  assert.equal(await printed(code('await sequence.close()')), '1021\n')
})

it('an error that no retry mends is told at once', async () => {
  const admin = client.db('admin')
  for (const errorCode of [20, 59, 115, 238, 301, 8000]) {
    const { name, url } = await fresh()
    const data = { failCommands: ['findAndModify'], errorCode, appName: `fails-with-${errorCode}` }
    await admin.command({ configureFailPoint: 'failCommand', mode: 'alwaysOn', data })
    const sequence = openSequence(name, { url: `${url}?appName=fails-with-${errorCode}`, timeout: 60_000 })
    assert.ok((await failsAtOnce(sequence.nextId(), UNAVAILABLE)).cause, `${errorCode}`)
    await admin.command({ configureFailPoint: 'failCommand', mode: 'off' })
    assert.equal(await sequence.nextId(), 1000, 'the next call tries again')
  }
})

it('a validator, or a database of another case, is told at once', async () => {
  await client.db('app').createCollection('strict', { validator: { index: { $type: 'string' } } })
  await client.db('Cased').collection('ids').insertOne({ here: true })
  for (const options of [{ url: `${server.uri}app`, collection: 'strict' }, { url: `${server.uri}cased` }]) {
    const sequence = openSequence('a', { ...options, timeout: 60_000 })
    await failsAtOnce(sequence.nextId(), UNAVAILABLE)
  }
})

it('options of the Node driver are taken or refused by name', async () => {
  for (const option of [
    'compressors=zlib',
    'compressors=snappy',
    'compressors=zstd,zlib&zlibCompressionLevel=6',
    'compressors=zstd',
    'socketTimeoutMS=45000',
    'timeoutMS=3000',
    'tlsAllowInvalidHostnames=true',
    'enableUtf8Validation=false',
    'useNewUrlParser=true&useUnifiedTopology=true',
    'serverMonitoringMode=poll',
    'w=1&journal=false',
    'w=0&journal=true',
    'readPreference=secondary',
    'maxPoolSize=1',
    'maxPoolSize=0',
    'retryWrites=false',
  ]) {
    const { name, url } = await fresh()
    const sequence = openSequence(name, { url: `${url}?${option}`, timeout: 20_000 })
    assert.equal(await sequence.nextId(), 1000, option)
  }
  for (const [option, named] of [
    ['tls=true&tlsAllowInvalidHostnames=true', /tlsAllowInvalidHostnames/],
    ['proxyHost=127.0.0.1', /proxyHost/],
    ['fancy=1', /fancy/],
  ]) {
    assert.throws(
      () => openSequence('a', { url: `mongodb://ann:s3cret@127.0.0.1/app?${option}` }),
      (error) => {
        assert.equal(error.code, INVALID)
        assert.match(error.message, named)
        assert.doesNotMatch(error.message, /percent-encoding|s3cret/)
        return true
      },
    )
  }
})

it('ignored options are warned of once', async () => {
  const { name, url } = await fresh()
  const code = `
    const warnings = []
    process.on('warning', (warning) => warnings.push(warning))
    for (const suffix of ['', 'x']) {
      const sequence = texample.openSequence(${JSON.stringify(name)} + suffix, { url: '${url}?timeoutMS=30&useNewUrlParser=true' })
      await sequence.nextId()
      await sequence.close()
    }
    await new Promise(setImmediate)
    console.log(JSON.stringify(warnings.map(({ code, message }) => [code, message])))`
  const warnings = JSON.parse(await printed(code))
  assert.equal(warnings.length, 1)
  assert.equal(warnings[0][0], 'TEXAMPLE_URL_OPTION')
  assert.match(warnings[0][1], /timeoutMS=30, useNewUrlParser=true/)
})

it('2 000 sequences use the connections of the URL', async () => {
  const { before, after, end } = await openMany(`${server.uri}many?maxPoolSize=8`, 2000)
  assert.ok(after.threads - before.threads <= 3, `${after.threads} threads after ${before.threads}`)
  assert.ok(after.descriptors - before.descriptors <= 8, `${after.descriptors} descriptors after ${before.descriptors}`)
  assert.ok(end.threads <= before.threads, 'no thread is left')
})

it('300 new sequences are served from a distance of 100 ms', async (t) => {
  const proxy = await proxied(t, { roundTrip: 100 })
  const { name } = await fresh()
  const ids = openStore({ url: proxy.url })
  const drawn = await Promise.all(Array.from({ length: 300 }, (_, i) => ids.nextId(`${name}-${i}`)))
  assert.ok(drawn.every((id) => id === 1000))
  assert.equal(ids.stats().errors, 0, 'no attempt timed out in a queue')
})

it('reads of a database that hangs hold up nothing else', async (t) => {
  const proxy = await proxied(t)
  const { name } = await fresh()
  const store = openStore({ url: proxy.url, timeout: 1500 })
  await store.nextId(name)
  proxy.set('hang')
  const reads = Array.from({ length: 8 }, () => settled(store.read(name)))
  const begun = performance.now()
  await readFile(new URL(import.meta.url))
  assert.ok(performance.now() - begun < 1000, 'the thread pool is free')
  for (const [, error] of await Promise.all(reads)) {
    assert.match(error.code, /^ERR_TEXAMPLE_SEQUENCE_(TIMEOUT|UNAVAILABLE)$/)
  }
  assert.ok(performance.now() - begun < 10_000, 'each ends in its own time')
  proxy.set('reset')
})
