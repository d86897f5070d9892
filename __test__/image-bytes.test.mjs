/** Bytes in images: Uint8Array, Buffer and ArrayBuffer, plain and robust. */

import assert from 'node:assert/strict'
import { it } from 'node:test'

import fc from 'fast-check'
import { decodeImageToData, decodeImageToDataAsync, encodeDataToImage, encodeDataToImageAsync } from '../js/index.mjs'
import { checksum, fromPixels, pixelsOf } from './support/png.mjs'

const MOST = 50_331_638

it('the bytes form is 00 01, length, CRC, bytes', () => {
  const { width, height, pixels } = pixelsOf(encodeDataToImage(Uint8Array.of(0, 255, 7)))
  const crc = checksum(Uint8Array.of(0, 255, 7))
    .toString(16)
    .padStart(8, '0')
  assert.deepEqual([width, height], [5, 1])
  assert.equal(pixels.toString('hex'), `000100000003${crc}00ff070000`)
})

it('any bytes come back as a Uint8Array', async () => {
  const options = fc.record({
    compression: fc.constantFrom('auto', 'none', 'fast', 'best'),
    robust: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), options, async (bytes, chosen) => {
      const png = encodeDataToImage(bytes, chosen)
      assert.deepStrictEqual(decodeImageToData(png), bytes)
      assert.ok((await encodeDataToImageAsync(bytes, chosen)).equals(png))
      assert.deepStrictEqual(await decodeImageToDataAsync(png), bytes)
    }),
    { numRuns: 500 },
  )
})

it('every kind of bytes is carried alike', () => {
  const bytes = Uint8Array.of(1, 2, 3, 0, 0)
  const shared = new Uint8Array(new SharedArrayBuffer(5))
  shared.set(bytes)
  const expected = encodeDataToImage(bytes)
  const around = Uint8Array.of(9, 1, 2, 3, 0, 0, 9)
  const kinds = [Buffer.from(bytes), bytes.slice().buffer, shared, shared.buffer, around.subarray(1, 6)]
  for (const data of kinds) assert.deepEqual(encodeDataToImage(data), expected)
  assert.deepStrictEqual(decodeImageToData(expected), bytes)
})

it('an image is bytes too', () => {
  const inner = encodeDataToImage({ a: 1 })
  const outer = encodeDataToImage(inner)
  assert.deepEqual(decodeImageToData(decodeImageToData(outer)), { a: 1 })
})

it('bytes are read when the call is made', async () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const image = encodeDataToImageAsync(bytes)
  bytes.fill(9)
  assert.deepStrictEqual(decodeImageToData(await image), Uint8Array.of(1, 2, 3))
})

it('bytes inside of JSON are what JSON makes of them', () => {
  assert.deepEqual(decodeImageToData(encodeDataToImage([Uint8Array.of(5)])), [{ 0: 5 }])
  assert.deepEqual(decodeImageToData(encodeDataToImage(Uint16Array.of(5))), { 0: 5 })
})

it('megabytes come back, in rows', async () => {
  const bytes = Uint8Array.from({ length: 3_000_001 }, (_, i) => (i * i) >> 3)
  for (const options of [{}, { robust: true }, { compression: 'none' }]) {
    const png = encodeDataToImage(bytes, options)
    assert.ok(Buffer.from(bytes).equals(decodeImageToData(png)))
    assert.ok(Buffer.from(bytes).equals(await decodeImageToDataAsync(png)))
  }
})

it('maxBytes counts the bytes themselves', async () => {
  const tooLarge = { name: 'TexampleError', code: 'ERR_TEXAMPLE_DATA_TOO_LARGE' }
  const bytes = new Uint8Array(100)
  for (const robust of [false, true]) {
    const png = encodeDataToImage(bytes, { robust, maxBytes: 100 })
    assert.deepStrictEqual(decodeImageToData(png, { maxBytes: 100 }), bytes)
    assert.throws(() => encodeDataToImage(bytes, { robust, maxBytes: 99 }), tooLarge)
    await assert.rejects(encodeDataToImageAsync(bytes, { robust, maxBytes: 99 }), tooLarge)
    assert.throws(() => decodeImageToData(png, { maxBytes: 99 }), tooLarge)
  }
})

it('the most bytes fit, and one more does not', () => {
  const most = new Uint8Array(MOST)
  most[MOST - 1] = 7
  const back = decodeImageToData(encodeDataToImage(most))
  assert.deepEqual([back.length, back[MOST - 1]], [MOST, 7])
  assert.throws(() => encodeDataToImage(new Uint8Array(MOST + 1)), {
    code: 'ERR_TEXAMPLE_DATA_TOO_LARGE',
    message: /at most 50331638 bytes/,
  })
})

it('no changed bit of the payload is read', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4)
  const { width, pixels } = pixelsOf(encodeDataToImage(bytes))
  for (let bit = 0; bit < 14 * 8; bit++) {
    const changed = Buffer.from(pixels)
    changed[bit >> 3] ^= 1 << (bit & 7)
    const png = fromPixels(changed, { width })
    assert.throws(() => decodeImageToData(png), { code: 'ERR_TEXAMPLE_IMAGE_CORRUPT' }, `bit ${bit}`)
  }
})

it('a black picture with a blot is not empty bytes', () => {
  assert.deepStrictEqual(decodeImageToData(encodeDataToImage(new Uint8Array(0))), new Uint8Array(0))
  const pixels = Buffer.alloc(30)
  pixels[1] = 1
  assert.throws(() => decodeImageToData(fromPixels(pixels, { width: 10 })), { code: 'ERR_TEXAMPLE_IMAGE_CORRUPT' })
})
