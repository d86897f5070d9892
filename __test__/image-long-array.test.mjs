/** Long arrays are written in pieces, with the text that `JSON.stringify` has. */

import assert from 'node:assert/strict'
import { it } from 'node:test'

import fc from 'fast-check'
import { writeJson } from '../js/image/json-text.cjs'
import { decodeImageToData, encodeDataToImage, encodeDataToImageAsync } from '../js/index.mjs'

/** Is never written in pieces, and looks the same as JSON. */
class Whole extends Array {}

const whole = (data) => Whole.from(data)
const records = (count, make) => Array.from({ length: count }, (_, index) => make(index))
const long = records(6_000, (id) => ({ id, name: 'Päivi Ñandú', share: '15 %', note: 'x'.repeat(id % 90) }))

/** @param {unknown[]} data */
async function isTheSame(data, options) {
  const expected = encodeDataToImage(whole(data), options)
  assert.deepEqual(decodeImageToData(expected), JSON.parse(JSON.stringify(data)))
  assert.ok(encodeDataToImage(data, options).equals(expected))
  assert.ok((await encodeDataToImageAsync(data, options)).equals(expected))
}

it('only a long array is written in pieces', () => {
  const pieces = writeJson(long, Number.POSITIVE_INFINITY)
  assert.ok(Array.isArray(pieces) && pieces.length > 8)
  for (const piece of pieces) assert.ok(piece.length < 128 * 1024)
  assert.deepEqual(
    pieces.flatMap((piece) => JSON.parse(piece)),
    long,
  )
  const dates = records(30_000, () => new Date(0))
  for (const data of [
    whole(long),
    long.slice(0, 1_000),
    new Proxy(long, {}),
    { long },
    dates,
    records(9_000, Number),
  ]) {
    assert.equal(writeJson(data, Number.POSITIVE_INFINITY), JSON.stringify(data))
  }
})

it('what is past the limit is not written to its end', () => {
  const pieces = writeJson(long, 100_000)
  assert.ok(Array.isArray(pieces) && pieces.join('').length < 250_000)
})

for (const options of [{}, { compression: 'none' }, { charset: 'utf-8' }, { robust: true }]) {
  it(`pieces make the image of the whole: ${JSON.stringify(options)}`, async () => {
    await isTheSame(long, options)
    await isTheSame([...long, { name: '日本語 💡' }], options)
    await isTheSame([{ name: '日本語 💡' }, ...long], options)
  })
}

it('pieces make the same image as the whole text', async () => {
  const element = fc.oneof(
    fc.jsonValue(),
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.constantFrom(undefined, null, () => 1, Symbol('s'), new Date(0), { toJSON: (key) => `at ${key}` }),
  )
  const elements = fc.array(element, { minLength: 1, maxLength: 40 })
  const property = fc.asyncProperty(elements, fc.integer({ min: 1_000, max: 9_000 }), async (some, count) => {
    const data = records(count, (index) => some[index % some.length])
    await isTheSame(data, { compression: 'none' })
  })
  await fc.assert(property, { numRuns: 60 })
})

it('a few elements, or one, may be most of a long array', async () => {
  const huge = 'é'.repeat(300_000)
  for (const at of [0, 31, 32, 1_500, 1_999]) {
    await isTheSame(records(2_000, (index) => (index === at ? huge : index)))
  }
  await isTheSame(records(1_200, (index) => ({ index, text: '€'.repeat(1_000) })))
})

it('holes are null in a long array', () => {
  const data = records(4_000, () => 'a text that is long enough to make the array worth its pieces')
  delete data[7]
  delete data[3_000]
  data[8] = undefined
  data[3_001] = () => 1
  data[3_002] = Symbol('s')
  const read = decodeImageToData(encodeDataToImage(data))
  assert.deepEqual(
    [7, 8, 3_000, 3_001, 3_002].map((index) => read[index]),
    [null, null, null, null, null],
  )
  assert.equal(read.length, 4_000)
})

it('toJSON of an element is told its place, once', () => {
  const told = []
  const data = [...long]
  data[4_321] = {
    toJSON(key) {
      told.push(key)
      return key
    },
  }
  assert.equal(decodeImageToData(encodeDataToImage(data))[4_321], '4321')
  assert.deepEqual(told, ['4321'])
})

it('encoding inside toJSON does not disturb a long array', () => {
  const inner = records(3_000, (id) => `inner ${id} ${'y'.repeat(60)}`)
  const made = []
  const data = [...long]
  data[2_000] = {
    deep: {
      toJSON() {
        made.push(decodeImageToData(encodeDataToImage(inner)))
        return 'deep'
      },
    },
  }
  const read = decodeImageToData(encodeDataToImage(data))
  assert.deepEqual(read[2_000], { deep: 'deep' })
  assert.deepEqual(read[5_999], long[5_999])
  assert.deepEqual(made, [inner])
})

it('eight long arrays at once come out as themselves', async () => {
  const arrays = records(8, (round) => long.map((record) => ({ ...record, round })))
  const images = await Promise.all(arrays.map((data) => encodeDataToImageAsync(data)))
  for (const [round, png] of images.entries()) assert.deepEqual(decodeImageToData(png), arrays[round])
})

for (const [what, change, code] of [
  ['is past maxBytes', (data) => data, 'ERR_TEXAMPLE_DATA_TOO_LARGE'],
  ['holds a BigInt', (data) => [1n, ...data], 'ERR_TEXAMPLE_NOT_SERIALIZABLE'],
]) {
  it(`a long array that ${what} is refused`, async () => {
    const options = { maxBytes: 200_000 }
    assert.throws(() => encodeDataToImage(change(long), options), { code })
    await assert.rejects(encodeDataToImageAsync(change(long), options), { code })
  })
}

it('a long array in a circle is refused', async () => {
  const data = [...long]
  data[5_000] = { data }
  assert.throws(() => encodeDataToImage(data), { code: 'ERR_TEXAMPLE_NOT_SERIALIZABLE', message: /circular/ })
  await assert.rejects(encodeDataToImageAsync(data), { code: 'ERR_TEXAMPLE_NOT_SERIALIZABLE' })
})

it('maxBytes of a long array is that of its text', () => {
  const data = records(5_000, (id) => `record ${id} in plain ASCII, so that a byte is a character`)
  const maxBytes = JSON.stringify(data).length
  for (const array of [data, whole(data)]) {
    assert.ok(encodeDataToImage(array, { maxBytes }))
    assert.throws(() => encodeDataToImage(array, { maxBytes: maxBytes - 1 }), {
      code: 'ERR_TEXAMPLE_DATA_TOO_LARGE',
      message: /the data are past the limit of \d+ bytes/,
    })
  }
})
