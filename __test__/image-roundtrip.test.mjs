import assert from 'node:assert/strict'
import { it } from 'node:test'

import fc from 'fast-check'
import { PNG } from 'pngjs'
import sharp from 'sharp'

import { decodeImageToData, decodeImageToDataAsync, encodeDataToImage, encodeDataToImageAsync } from '../js/index.mjs'
import { checksum } from './support/png.mjs'

/** What comes back of a value is what JSON makes of it. */
const asJson = (data) => JSON.parse(JSON.stringify(data))

/**
 * Any JSON value; strings of any units, lone surrogates too, and often with what the format
 * escapes.
 */
const unit = fc.oneof(
  fc.constantFrom('%', '\u007f', '"', '\\', '\0', 'ö', '語', '💡', '\ud83d', '\udca1'),
  fc.string({ unit: 'binary', maxLength: 1 }),
)
const anyString = fc.array(unit, { maxLength: 40 }).map((units) => units.join(''))
const anyJson = fc.oneof(
  fc.jsonValue(),
  anyString,
  fc.array(anyString),
  fc.dictionary(anyString, fc.oneof(anyString, fc.double(), fc.jsonValue())),
)
const anyOptions = fc.record({
  compression: fc.constantFrom('auto', 'none', 'fast', 'best'),
  charset: fc.constantFrom('ascii', 'utf-8'),
  robust: fc.boolean(),
})

it('any JSON value comes back, in any form, sync and async', async () => {
  await fc.assert(
    fc.asyncProperty(anyJson, anyOptions, async (data, options) => {
      const png = encodeDataToImage(data, options)
      assert.deepEqual(decodeImageToData(png), asJson(data))
      assert.ok((await encodeDataToImageAsync(data, options)).equals(png))
      assert.deepEqual(await decodeImageToDataAsync(png), asJson(data))
    }),
    { numRuns: 1_000 },
  )
})

it('any JSON value comes back, in both charsets', async () => {
  await fc.assert(
    fc.asyncProperty(anyJson, fc.constantFrom('ascii', 'utf-8'), async (data, charset) => {
      const png = encodeDataToImage(data, { charset })
      const { data: rgb } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true })
      assert.deepEqual(JSON.parse(textOf(rgb)), asJson(data))
      const { data: rgba } = PNG.sync.read(png)
      assert.deepEqual(JSON.parse(textOf(rgba.filter((_, at) => at % 4 !== 3))), asJson(data))
    }),
    { numRuns: 300 },
  )
})

it('every length around pixel and row borders comes back', () => {
  const around = (payload) => Array.from({ length: 13 }, (_, i) => payload - 6 + i)
  const row = 4_096 * 3
  for (const payload of [...around(14), ...around(49_152), ...around(5 * row), ...around(6 * row), ...around(65_535)]) {
    const data = 'x'.repeat(payload - 7)
    for (const compression of ['none', 'auto']) {
      assert.equal(decodeImageToData(encodeDataToImage(data, { compression })), data)
    }
    assert.equal(decodeImageToData(encodeDataToImage(data, { robust: true })), data)
  }
})

it('robust images of every small length come back', () => {
  let text = ''
  for (let length = 0; length < 400; length++) {
    text += String.fromCharCode(32 + ((length * 7919) % 90))
    for (const data of [text, 'x'.repeat(length)]) {
      assert.equal(decodeImageToData(encodeDataToImage(data, { robust: true })), data)
    }
  }
})

it('a million numbers and 1000 nested arrays come back', () => {
  const numbers = Array.from({ length: 1_000_000 }, (_, i) => (i * 7919) % 1_000_003)
  let nested = []
  for (let depth = 0; depth < 1_000; depth++) nested = [nested]
  for (const robust of [false, true]) {
    assert.deepEqual(decodeImageToData(encodeDataToImage(numbers, { robust })), numbers)
    assert.equal(JSON.stringify(decodeImageToData(encodeDataToImage(nested, { robust }))), JSON.stringify(nested))
  }
})

it('long texts come back, growing and shrinking', async () => {
  // From 1 MB on a text that is ASCII goes another way to JavaScript; past 4 MB its memory is not
  // kept.
  for (const length of [(1 << 20) - 3, (1 << 20) - 2, 3_000_000, 1_500_000, 5_000_000, 1_100_000]) {
    for (const end of ['x', 'ö']) {
      const data = 'texample'.repeat(length / 8) + 'y'.repeat(length % 8) + end
      const png = encodeDataToImage(data, { charset: 'utf-8' })
      assert.equal(decodeImageToData(png), data)
      assert.equal(await decodeImageToDataAsync(png), data)
    }
  }
})

it('a surrogate pair at any place of a text comes back', () => {
  for (let at = 0; at < 40; at++) {
    for (const data of ['x'.repeat(at) + '💡'.repeat(3), `${'é'.repeat(at)}💡`, `${'x'.repeat(at)}\ud83d`]) {
      for (const charset of ['ascii', 'utf-8']) {
        assert.equal(decodeImageToData(encodeDataToImage(data, { charset })), data)
      }
    }
  }
})

/** @param {Uint8Array} rgb */
function textOf(rgb) {
  const bytes = Buffer.from(rgb)
  const end = bytes.indexOf(0)
  assert.equal(bytes.readUInt32BE(end + 1), checksum(bytes.subarray(0, end)))
  return bytes.toString('utf8', 0, end)
}
