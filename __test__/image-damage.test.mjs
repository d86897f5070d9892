import assert from 'node:assert/strict'
import { it } from 'node:test'

import sharp from 'sharp'

import { decodeImageToData, decodeImageToDataAsync, encodeDataToImage } from '../js/index.mjs'
import { damage, generator, MODELS } from './support/damage.mjs'
import { chunk, chunks, file, fromPixels, header, pixelsOf } from './support/png.mjs'

const RECORD = { a: 1, en: 'owl', fi: 'pöllö', es: 'búho', percent: '100%' }

/** Values of every kind, numbers too, whose text is what the original's images hold. */
const VALUES = [
  RECORD,
  7,
  123,
  1234567,
  '',
  'x',
  true,
  null,
  [1, 2, 3],
  'a'.repeat(700),
  Array.from({ length: 300 }, (_, i) => ({ i })),
]

/** How many damages `npm test` makes; `TEXAMPLE_DAMAGES` asks for another number. */
const ROUNDS = Number(process.env.TEXAMPLE_DAMAGES ?? 100_000)

it(`${ROUNDS} random damages end in a typed error or in the right value`, () => {
  const random = generator(20_111_121)
  const images = VALUES.flatMap((data) =>
    [false, true].map((robust) => ({ json: JSON.stringify(data), png: encodeDataToImage(data, { robust }) })),
  )
  const seen = { right: 0, typed: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    const { json, png } = images[random(images.length)]
    const model = MODELS[random(MODELS.length)]
    const damaged = damage(png, model, random)
    let text
    try {
      text = JSON.stringify(decodeImageToData(damaged))
    } catch (error) {
      assert.match(error.code ?? error.stack, /^ERR_TEXAMPLE_IMAGE_(CORRUPT|INVALID)$|DATA_TOO_LARGE$/)
      assert.equal(error.name, 'TexampleError')
      seen.typed++
      continue
    }
    assert.equal(text, json, `${model}, round ${round}: ${damaged.toString('base64')}`)
    seen.right++
  }
  assert.ok(seen.right > ROUNDS / 50 && seen.typed > ROUNDS / 4, JSON.stringify(seen))
})

it('robust images survive noise, plain ones detect it', () => {
  const random = generator(7)
  let refused = 0
  for (let round = 0; round < 1_000; round++) {
    const data = VALUES[round % VALUES.length]
    const robust = encodeDataToImage(data, { robust: true })
    const plain = encodeDataToImage(data)
    for (const model of MODELS.filter((name) => /low bit|up or down/.test(name))) {
      assert.deepEqual(decodeImageToData(damage(robust, model, random)), data)
      try {
        assert.deepEqual(decodeImageToData(damage(plain, model, random)), data)
      } catch (error) {
        assert.equal(error.code, 'ERR_TEXAMPLE_IMAGE_CORRUPT')
        refused++
      }
    }
  }
  assert.ok(refused > 5_000, `${refused} of 6000 were refused`)
})

it('robust images are at most 3 % larger from 10 KB up', () => {
  const names = ['Aino Mäkelä', 'Björn Ekström', 'Chloé Dubois', 'David Smith', 'Eva Novák']
  const random = generator(3)
  for (const count of [130, 1_200, 12_000]) {
    const data = Array.from({ length: count }, (_, id) => ({
      id,
      name: names[random(5)],
      email: `user${random(1e6)}@example.com`,
      balance: random(1e7) / 100,
    }))
    assert.ok(JSON.stringify(data).length > 10_000)
    for (const compression of ['auto', 'fast', 'best']) {
      const plain = encodeDataToImage(data, { compression }).length
      const robust = encodeDataToImage(data, { compression, robust: true }).length
      assert.ok(robust <= plain * 1.03, `${count} ${compression}: ${robust} beside ${plain}`)
    }
  }
})

it('low bits of a robust image are 10 in every channel', () => {
  for (const data of [1, RECORD, 'x'.repeat(100_000)]) {
    const { pixels } = pixelsOf(encodeDataToImage(data, { robust: true }))
    assert.ok(pixels.every((byte) => (byte & 3) === 2))
  }
})

const white = (pixels) => fromPixels(Buffer.alloc(pixels * 3, 255), { width: pixels })
const black = (pixels) => fromPixels(Buffer.alloc(pixels * 3), { width: pixels })

it('white, black and grey images are corrupt', () => {
  for (const pixels of [1, 2, 3, 4, 100, 16_384]) {
    const grey = fromPixels(Buffer.alloc(pixels * 3, 0x42), { width: pixels })
    for (const png of [white(pixels), black(pixels), grey]) {
      assert.throws(() => decodeImageToData(png), { name: 'TexampleError', code: 'ERR_TEXAMPLE_IMAGE_CORRUPT' })
    }
  }
})

it('a file cut anywhere is an error', () => {
  const png = encodeDataToImage(RECORD)
  for (let length = 0; length < png.length; length++) {
    const code = length === 0 ? 'ERR_TEXAMPLE_IMAGE_INVALID' : 'ERR_TEXAMPLE_IMAGE_CORRUPT'
    assert.throws(() => decodeImageToData(png.subarray(0, length)), { name: 'TexampleError', code }, `at ${length}`)
  }
})

it('any flipped bit of a file is an error', () => {
  const png = encodeDataToImage(RECORD)
  for (let bit = 0; bit < png.length * 8; bit++) {
    const flipped = Buffer.from(png)
    flipped[bit >> 3] ^= 1 << (bit & 7)
    assert.throws(() => decodeImageToData(flipped), { code: /^ERR_TEXAMPLE_IMAGE_(CORRUPT|INVALID)$/ }, `bit ${bit}`)
  }
})

const good = chunks(encodeDataToImage(RECORD))
const idat = good[1].data
const width = good[0].data.readUInt32BE(0)
const end = chunk('IEND')

const REFUSED = [
  ['a depth that its colour has not', header({ width, height: 1, depth: 4 }), /depth/],
  ['a colour type that does not exist', header({ width, height: 1, colour: 5 }), /color type 5/],
  ['another compression', header({ width, height: 1, compression: 1 }), /compression method 1/],
  ['another filter method', header({ width, height: 1, filter: 1 }), /filter method 1/],
  ['no width', header({ width: 0, height: 1 }), /dimensions/],
  ['no height', header({ width, height: 0 }), /dimensions/],
]

for (const [name, head, message] of REFUSED) {
  it(`a PNG with ${name} is refused by name`, async () => {
    const png = file(head, chunk('IDAT', idat), end)
    const refused = { name: 'TexampleError', code: 'ERR_TEXAMPLE_IMAGE_INVALID', message }
    assert.throws(() => decodeImageToData(png), refused)
    await assert.rejects(decodeImageToDataAsync(png), refused)
  })
}

it('a header of another kind than the pixels is corrupt', () => {
  for (const kind of [{ colour: 0 }, { colour: 3 }, { colour: 4 }, { depth: 16 }, { interlace: 1 }]) {
    const png = file(header({ width, height: 1, ...kind }), chunk('IDAT', idat), end)
    assert.throws(() => decodeImageToData(png), { code: 'ERR_TEXAMPLE_IMAGE_CORRUPT' }, JSON.stringify(kind))
  }
})

it('other formats are invalid, other pictures corrupt', async () => {
  const picture = sharp({ create: { width: 9, height: 9, channels: 3, background: 'teal' } })
  for (const bytes of [
    await picture.clone().jpeg().toBuffer(),
    await picture.clone().webp().toBuffer(),
    Buffer.from('GIF89a'),
    Buffer.alloc(0),
    Buffer.alloc(1_000),
    new Uint8Array(5),
  ]) {
    assert.throws(() => decodeImageToData(bytes), { name: 'TexampleError', code: 'ERR_TEXAMPLE_IMAGE_INVALID' })
  }
  for (const bytes of [
    await picture.clone().png().toBuffer(),
    await picture.clone().toColourspace('b-w').png().toBuffer(),
    await picture.clone().png({ palette: true }).toBuffer(),
    await picture.clone().toColourspace('rgb16').png().toBuffer(),
    await picture.clone().png({ progressive: true }).toBuffer(),
  ]) {
    assert.throws(() => decodeImageToData(bytes), { name: 'TexampleError', code: 'ERR_TEXAMPLE_IMAGE_CORRUPT' })
  }
})

it('wrong chunks are refused, ancillary ones skipped', () => {
  const head = header({ width, height: 1 })
  const data = chunk('IDAT', idat)
  for (const png of [
    file(head, end),
    file(data, head, end),
    file(head, head, data, end),
    file(head, chunk('ABCD'), data, end),
    file(head, chunk('IDAT', idat.subarray(0, 9)), chunk('tEXt'), chunk('IDAT', idat.subarray(9)), end),
    file(chunk('IHDR', Buffer.alloc(12)), data, end),
  ]) {
    assert.throws(() => decodeImageToData(png), {
      name: 'TexampleError',
      code: /^ERR_TEXAMPLE_IMAGE_(INVALID|CORRUPT)$/,
    })
  }
  const extra = [chunk('gAMA', Buffer.alloc(4)), chunk('PLTE', Buffer.alloc(3)), chunk('tEXt', Buffer.from('a\0b'))]
  assert.deepEqual(decodeImageToData(file(head, ...extra, data, chunk('tIME', Buffer.alloc(7)), end)), RECORD)
  assert.deepEqual(decodeImageToData(Buffer.concat([file(head, data, end), Buffer.from('behind the end')])), RECORD)
  const halves = [chunk('IDAT', idat.subarray(0, 9)), chunk('IDAT'), chunk('IDAT', idat.subarray(9))]
  assert.deepEqual(decodeImageToData(file(head, ...halves, end)), RECORD)
})

it('a row filter that does not exist is corrupt', () => {
  const pixels = Buffer.alloc(30)
  assert.throws(() => decodeImageToData(fromPixels(pixels, { width: 10, filter: () => 5 })), {
    code: 'ERR_TEXAMPLE_IMAGE_CORRUPT',
    message: /filter/i,
  })
})

it('a header that claims a large image takes no memory', () => {
  const before = process.memoryUsage().rss
  const claim = (size, bytes = idat) => file(header(size), chunk('IDAT', bytes), end)
  for (const size of [
    { width: 0x7fffffff, height: 0x7fffffff },
    { width: 0x7fffffff, height: 1 },
    { width: 1, height: 0x7fffffff },
    { width: 4_096, height: 4_097 },
    { width: 100_000, height: 100_000, colour: 6 },
  ]) {
    assert.throws(() => decodeImageToData(claim(size)), { code: 'ERR_TEXAMPLE_DATA_TOO_LARGE' })
  }
  // Within the limit, but more than deflate can make of these bytes.
  for (let call = 0; call < 200; call++) {
    assert.throws(() => decodeImageToData(claim({ width: 4_096, height: 4_096 })), {
      code: 'ERR_TEXAMPLE_IMAGE_CORRUPT',
    })
  }
  assert.throws(() => decodeImageToData(claim({ width: 2_000, height: 1 }), { maxBytes: 1_000 }), {
    code: 'ERR_TEXAMPLE_DATA_TOO_LARGE',
  })
  assert.ok(process.memoryUsage().rss - before < 100e6)
})

it('a decompression bomb is refused', async () => {
  const { deflateSync } = await import('node:zlib')
  // 300 MB of zeros behind the pixels that the header names.
  const bomb = deflateSync(Buffer.alloc(300e6), { level: 9 })
  const before = process.memoryUsage().rss
  assert.throws(() => decodeImageToData(file(header({ width: 12, height: 1 }), chunk('IDAT', bomb), end)), {
    code: 'ERR_TEXAMPLE_IMAGE_CORRUPT',
  })
  assert.ok(process.memoryUsage().rss - before < 100e6)
})
