import assert from 'node:assert/strict'
import { it } from 'node:test'
import { deflateRawSync } from 'node:zlib'

import { PNG } from 'pngjs'
import sharp from 'sharp'
import { originalBytes, originalCanvas, originalDecode } from '../devtools/original.mjs'
import { decodeImageToData, encodeDataToImage } from '../js/index.mjs'
import { checksum, chunks, fromPixels, pixelsOf } from './support/png.mjs'

const EXAMPLE = { a: 1, en: 'owl', fi: 'pöllö', es: 'búho', uid: '2134' }

const VECTORS = [
  [{ a: 1 }, '7b2261223a317d' + '00' + '561bacaf', 4],
  [
    '100% pöllö',
    '22313030' + '5c7530303235' + '20' + '70' + '5c7530306636' + '6c6c' + '5c7530306636' + '22' + '00dd007fa500',
    11,
  ],
]

for (const [data, hex, width] of VECTORS) {
  it(`${JSON.stringify(data)} becomes the bytes of the specification`, () => {
    for (const compression of ['auto', 'none', 'fast', 'best']) {
      const image = pixelsOf(encodeDataToImage(data, { compression }))
      assert.equal(image.pixels.toString('hex'), hex)
      assert.deepEqual([image.width, image.height], [width, 1])
    }
  })
}

it('the robust form of 1 is that of the specification', () => {
  const channels = '020202020682020202021a0ede3afade02421202febef2c6'
  const image = pixelsOf(encodeDataToImage(1, { robust: true }))
  assert.deepEqual([image.width, image.height, image.pixels.toString('hex')], [8, 1, channels])
})

it('a robust image from an independent encoder is read', () => {
  for (const data of [EXAMPLE, 'x'.repeat(5_000)]) {
    const json = Buffer.from(JSON.stringify(data))
    const deflated = deflateRawSync(json)
    const head = Buffer.alloc(12)
    head.writeUInt32BE(deflated.length, 0)
    head.writeUInt32BE(json.length, 4)
    head.writeUInt32BE(checksum(json), 8)
    const bits = [...head, ...deflated].map((byte) => byte.toString(2).padStart(8, '0')).join('')
    const channels = (bits.match(/.{1,6}/g) ?? []).map((group) => Number.parseInt(group.padEnd(6, '0'), 2) * 4 + 2)
    const width = Math.ceil(channels.length / 3)
    const pixels = Buffer.alloc(width * 3, 2)
    pixels.set(channels)
    assert.deepEqual(decodeImageToData(fromPixels(pixels, { width })), data)
  }
})

it('the file is plain 8-bit truecolour', () => {
  for (const length of [1, 1_000, 200_000]) {
    const png = encodeDataToImage('x'.repeat(length))
    const found = chunks(png)
    assert.deepEqual(
      found.map(({ kind }) => kind),
      ['IHDR', 'IDAT', 'IEND'],
    )
    assert.deepEqual([...found[0].data.subarray(8)], [8, 2, 0, 0, 0])
    const { width, height, raw } = pixelsOf(png)
    for (let y = 0; y < height; y++) assert.equal(raw[y * (width * 3 + 1)], 0)
  }
})

it('up to 16 384 pixels are one row, more are rows of 4096', () => {
  // A string of n characters is n + 2 bytes of JSON and n + 7 of payload.
  for (const [payload, width, height] of [
    [9, 3, 1],
    [10, 4, 1],
    [49_152, 16_384, 1],
    [49_153, 4_096, 5],
    [61_440, 4_096, 5],
    [61_441, 4_096, 6],
  ]) {
    const image = pixelsOf(encodeDataToImage('x'.repeat(payload - 7)))
    assert.deepEqual([image.width, image.height], [width, height], `${payload} bytes`)
    assert.ok(image.pixels.subarray(payload).every((byte) => byte === 0))
  }
})

it('the CRC is that of the text alone', () => {
  const { pixels } = pixelsOf(encodeDataToImage(EXAMPLE, { charset: 'utf-8' }))
  const end = pixels.indexOf(0)
  assert.equal(pixels.readUInt32BE(end + 1), checksum(pixels.subarray(0, end)))
  assert.equal(pixels.toString('utf8', 0, end), JSON.stringify(EXAMPLE))
})

it('ascii escapes all but ASCII, utf-8 the percent sign', () => {
  const data = '%\u007f~é語💡'
  const text = (charset) => {
    const { pixels } = pixelsOf(encodeDataToImage(data, { charset }))
    return pixels.toString('utf8', 0, pixels.indexOf(0))
  }
  assert.equal(text('ascii'), '"\\u0025\\u007f~\\u00e9\\u8a9e\\ud83d\\udca1"')
  assert.equal(text('utf-8'), '"\\u0025\u007f~é語💡"')
})

it('every compression carries the same pixels', () => {
  const data = Array.from({ length: 9_000 }, (_, i) => ({ id: i, name: `pöllö ${i % 7}` }))
  const stored = pixelsOf(encodeDataToImage(data, { compression: 'none' }))
  for (const compression of ['auto', 'fast', 'best']) {
    const png = encodeDataToImage(data, { compression })
    assert.ok(pixelsOf(png).pixels.equals(stored.pixels))
    assert.ok(png.length < stored.pixels.length / 3)
  }
})

it('the original decoder reads our one-row images', async () => {
  for (const data of [
    EXAMPLE,
    '100% sûr',
    [],
    'x'.repeat(49_145),
    { deep: [{ n: -1.5e-7 }, null, true, '\u0000\ud800'] },
  ]) {
    const png = encodeDataToImage(data)
    assert.deepEqual(originalDecode(PNG.sync.read(png)), data)
    const { data: rgba, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
    assert.deepEqual(originalDecode({ width: info.width, data: rgba }), data)
  }
})

it("the original encoder's images are read", async () => {
  for (const data of [
    EXAMPLE,
    1,
    12,
    123,
    '%',
    'a"b',
    { ключ: ['значение'] },
    Array.from({ length: 500 }, (_, i) => i),
  ]) {
    const { width, height, rgba } = originalCanvas(data)
    const raw = { raw: { width, height, channels: 4 } }
    assert.deepEqual(decodeImageToData(PNG.sync.write({ width, height, data: rgba })), data)
    assert.deepEqual(decodeImageToData(await sharp(rgba, raw).png().toBuffer()), data)
    assert.deepEqual(
      decodeImageToData(await sharp(rgba, raw).removeAlpha().png({ adaptiveFiltering: true }).toBuffer()),
      data,
    )
    for (const filter of [0, 1, 2, 3, 4]) {
      assert.deepEqual(decodeImageToData(fromPixels(rgba, { width, channels: 4, filter: () => filter })), data)
    }
  }
})

it('no CRC is accepted from the original encoder alone', () => {
  const image = (text) => {
    const width = Math.ceil(text.length / 3)
    const pixels = Buffer.alloc(width * 3)
    pixels.write(text, 'latin1')
    return fromPixels(pixels, { width })
  }
  assert.deepEqual(decodeImageToData(image('%7B%22a%22%3A1%7D')), { a: 1 })
  for (const text of ['{"a":1}', '"abc"', '[1]', '1 ', '%7B"a"%3A1%7D', 'ÿÿÿ', '%', '%7B', '%zz', '%ff', 'abc']) {
    assert.throws(
      () => decodeImageToData(image(text)),
      { name: 'TexampleError', code: 'ERR_TEXAMPLE_IMAGE_CORRUPT' },
      text,
    )
  }
  // The original made one row only.
  const bytes = originalBytes('abc')
  assert.equal(bytes.length, 9)
  assert.equal(decodeImageToData(fromPixels(bytes, { width: 3 })), 'abc')
  assert.throws(() => decodeImageToData(fromPixels(bytes, { width: 1, height: 3 })), {
    code: 'ERR_TEXAMPLE_IMAGE_CORRUPT',
  })
})

it('images that other programs saved again are read', async () => {
  for (const data of [EXAMPLE, Array.from({ length: 20_000 }, (_, i) => `búho ${i}`)]) {
    const png = encodeDataToImage(data)
    assert.deepEqual(decodeImageToData(PNG.sync.write(PNG.sync.read(png))), data)
    assert.deepEqual(
      decodeImageToData(await sharp(png).ensureAlpha().png({ adaptiveFiltering: true }).toBuffer()),
      data,
    )
    const { width, height, pixels } = pixelsOf(png)
    assert.deepEqual(decodeImageToData(fromPixels(pixels, { width, height, filter: (y) => y % 5, parts: 7 })), data)
  }
})

it('a sealed text that is percent-encoded is decoded', () => {
  const text = originalBytes(EXAMPLE)
  const crc = Buffer.alloc(5)
  crc.writeUInt32BE(checksum(text), 1)
  const bytes = Buffer.concat([text, crc, Buffer.alloc(3)])
  const width = Math.floor(bytes.length / 3)
  assert.deepEqual(decodeImageToData(fromPixels(bytes.subarray(0, width * 3), { width })), EXAMPLE)
})

it('a Uint8Array is read at any offset, and shared', () => {
  const png = encodeDataToImage(EXAMPLE)
  const shifted = new Uint8Array(png.length + 3)
  shifted.set(png, 3)
  assert.deepEqual(decodeImageToData(shifted.subarray(3)), EXAMPLE)
  const shared = new Uint8Array(new SharedArrayBuffer(png.length))
  shared.set(png)
  assert.deepEqual(decodeImageToData(shared), EXAMPLE)
})

it('small images do not share memory with each other', () => {
  const images = Array.from({ length: 100 }, (_, i) => encodeDataToImage({ i }))
  assert.deepEqual(
    images.map((png) => decodeImageToData(png).i),
    images.map((_, i) => i),
  )
})

it('small images that share memory are not transferable', () => {
  const first = encodeDataToImage(1)
  const second = encodeDataToImage(2)
  assert.equal(first.buffer, second.buffer)
  try {
    structuredClone(first, { transfer: [first.buffer] })
  } catch (error) {
    // Node 20 copies, later versions refuse.
    assert.equal(error.name, 'DataCloneError')
  }
  assert.equal(decodeImageToData(second), 2)
})
