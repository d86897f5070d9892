/** Data and limits of images; errors.test.mjs has the options that are wrong. */

import assert from 'node:assert/strict'
import { it } from 'node:test'

import { decodeImageToData, decodeImageToDataAsync, encodeDataToImage, encodeDataToImageAsync } from '../js/index.mjs'

const MAX_BYTES = 50_331_643
const INVALID = 'ERR_TEXAMPLE_INVALID_ARGUMENT'
const png = encodeDataToImage([1])

const throwing = (error) => ({
  toJSON() {
    throw error
  },
})

it('options that are undefined change nothing', async () => {
  const options = { compression: undefined, charset: undefined, maxBytes: undefined, robust: undefined }
  for (const given of [undefined, {}, options]) {
    assert.ok(encodeDataToImage([1], given).equals(png))
    assert.ok((await encodeDataToImageAsync([1], given)).equals(png))
    const limit = given && { maxBytes: undefined }
    assert.deepEqual(decodeImageToData(png, limit), [1])
    assert.deepEqual(await decodeImageToDataAsync(png, limit), [1])
  }
})

it('an unknown option is named', async () => {
  const named = { code: INVALID, message: /options\.quality must be absent.*compression/ }
  assert.throws(() => encodeDataToImage(1, { quality: 'best' }), named)
  await assert.rejects(encodeDataToImageAsync(1, { quality: 'best' }), named)
  const robust = { code: INVALID, message: /options\.robust must be absent: the options are maxBytes/ }
  assert.throws(() => decodeImageToData(png, { robust: true }), robust)
  await assert.rejects(decodeImageToDataAsync(png, { robust: true }), robust)
})

const cycle = {}
cycle.self = cycle
let nested = []
for (let depth = 0; depth < 200_000; depth++) nested = [nested]

const revoked = Proxy.revocable({}, {})
revoked.revoke()
const detached = new ArrayBuffer(8)
structuredClone(detached, { transfer: [detached] })

const UNSERIALIZABLE = [
  ['undefined', undefined, undefined],
  ['a function', () => {}, undefined],
  ['a symbol', Symbol('s'), undefined],
  ['a toJSON that returns undefined', { toJSON: () => undefined }, undefined],
  ['a BigInt', { n: 1n }, TypeError],
  ['a cycle', cycle, TypeError],
  ['a revoked proxy', revoked.proxy, TypeError],
  ['a detached ArrayBuffer', detached, TypeError],
]

for (const [name, data, Cause] of UNSERIALIZABLE) {
  it(`${name} is not serializable, and its error says why`, () => assertUnserializable(data, Cause))
}

it('200 000 arrays in each other are as in JSON.stringify', async () => {
  try {
    JSON.stringify(nested)
  } catch {
    return assertUnserializable(nested, RangeError)
  }
  for (const image of [encodeDataToImage(nested), await encodeDataToImageAsync(nested)]) {
    let depth = 0
    for (let inner = decodeImageToData(image); inner.length > 0; [inner] = inner) depth++
    assert.equal(depth, 200_000)
  }
})

it('the text of an error has its article right', () => {
  const message = 'the data have no JSON form: an object is nothing in JSON; send null'
  assert.throws(() => encodeDataToImage({ toJSON: () => undefined }), { message })
  assert.throws(() => decodeImageToData({}), { message: /received an object$/ })
})

async function assertUnserializable(data, Cause) {
  const wrong = (error) =>
    error.name === 'TexampleError' &&
    error.code === 'ERR_TEXAMPLE_NOT_SERIALIZABLE' &&
    (Cause ? error.cause instanceof Cause : !('cause' in error))
  assert.throws(() => encodeDataToImage(data), wrong)
  await assert.rejects(encodeDataToImageAsync(data), wrong)
}

it('what a toJSON throws is kept as the cause', async () => {
  for (const thrown of [new Error('mine'), 'a string', null]) {
    const wrong = (error) => error.code === 'ERR_TEXAMPLE_NOT_SERIALIZABLE' && error.cause === thrown
    assert.throws(() => encodeDataToImage(throwing(thrown)), wrong)
    await assert.rejects(encodeDataToImageAsync(throwing(thrown)), wrong)
  }
})

it('maxBytes counts the bytes of JSON as they are carried', async () => {
  const tooLarge = { name: 'TexampleError', code: 'ERR_TEXAMPLE_DATA_TOO_LARGE' }
  for (const [data, charset, bytes] of [
    ['abcdefgh', 'ascii', 10],
    ['ö', 'ascii', 8],
    ['ö', 'utf-8', 4],
  ]) {
    for (const robust of [false, true]) {
      const fits = encodeDataToImage(data, { charset, robust, maxBytes: bytes })
      assert.equal(decodeImageToData(fits, { maxBytes: bytes }), data)
      assert.throws(() => encodeDataToImage(data, { charset, robust, maxBytes: bytes - 1 }), tooLarge)
      await assert.rejects(encodeDataToImageAsync(data, { charset, robust, maxBytes: bytes - 1 }), tooLarge)
      assert.throws(() => decodeImageToData(fits, { maxBytes: bytes - 1 }), tooLarge)
      await assert.rejects(decodeImageToDataAsync(fits, { maxBytes: bytes - 1 }), tooLarge)
    }
  }
})

it('data past maxBytes take no memory', () => {
  const data = 'ö'.repeat(20_000_000)
  const before = process.memoryUsage().rss
  assert.throws(() => encodeDataToImage(data, { maxBytes: 10 }), { code: 'ERR_TEXAMPLE_DATA_TOO_LARGE' })
  const grown = (process.memoryUsage().rss - before) / 2 ** 20
  // Its JSON is 20 MB; the same as UTF-16 and escaped would be 160 MB more.
  assert.ok(grown < 100, `${grown} MB`)
})

it('the largest data fit and one byte more does not', () => {
  const largest = 'x'.repeat(MAX_BYTES - 2)
  assert.equal(decodeImageToData(encodeDataToImage(largest, { compression: 'fast' })), largest)
  assert.throws(() => encodeDataToImage(`${largest}x`), { code: 'ERR_TEXAMPLE_DATA_TOO_LARGE' })
})

it('data are read when the call is made, not later', async () => {
  const data = { n: 1 }
  const promise = encodeDataToImageAsync(data)
  data.n = 2
  const bytes = await promise
  const decoding = decodeImageToDataAsync(bytes)
  bytes.fill(0)
  assert.deepEqual(await decoding, { n: 1 })
})
