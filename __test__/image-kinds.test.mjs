/**
 * Every lossless kind of PNG with our pixels is read, in Node.js and by the reader of files in
 * pages.
 */

import assert from 'node:assert/strict'
import { it } from 'node:test'

import sharp from 'sharp'
import { decodeImage } from '../js/client/index.mjs'
import { readPng } from '../js/client/png.mjs'
import { decodeImageToData, encodeDataToImage } from '../js/index.mjs'
import { chunk, fromSamples, pixelsOf } from './support/png.mjs'

const INVALID_OR_CORRUPT = /^ERR_TEXAMPLE_IMAGE_(INVALID|CORRUPT)$/

/** A number whose text and CRC are grey pixels: found by trying. */
const GREY = '111555333111666333111222666'

/** Pixels of an image of ours, as samples of each kind that can hold them. */
const { width, pixels } = pixelsOf(encodeDataToImage({ a: 1, fi: 'pöllö' }))
const rgb = (x) => [...pixels.subarray(x * 3, x * 3 + 3)]
const distinct = [...new Set(Array.from({ length: width }, (_, x) => rgb(x).join()))]
const indexOf = (x) => [distinct.indexOf(rgb(x).join())]
const palette = chunk('PLTE', Buffer.from(distinct.flatMap((color) => color.split(',').map(Number))))
const alpha = chunk('tRNS', Buffer.alloc(distinct.length, 255))
const wide = (values) => values.map((value) => value * 257)
const greyPayload = Buffer.concat([Buffer.from(GREY), Buffer.from('000000cbcbcb', 'hex')])
const grey = (x) => [greyPayload[x * 3]]

/**
 * @type {[string, unknown, Parameters<typeof fromSamples>[0], Parameters<typeof fromSamples>[1]][]}
 */
const KINDS = [
  ['RGB of 8 bits', null, rgb, { width, colour: 2, depth: 8 }],
  ['RGB of 16 bits', null, (x) => wide(rgb(x)), { width, colour: 2, depth: 16 }],
  [
    'RGB with a colour that is transparent',
    null,
    rgb,
    { width, colour: 2, depth: 8, before: [chunk('tRNS', Buffer.alloc(6))] },
  ],
  ['RGBA of 8 bits', null, (x) => [...rgb(x), 255], { width, colour: 6, depth: 8 }],
  ['RGBA of 16 bits', null, (x) => wide([...rgb(x), 255]), { width, colour: 6, depth: 16 }],
  ['a palette', null, indexOf, { width, colour: 3, depth: 8, before: [palette] }],
  ['a palette with alpha', null, indexOf, { width, colour: 3, depth: 8, before: [palette, alpha] }],
  ['grey of 8 bits', GREY, grey, { width: 11, colour: 0, depth: 8 }],
  ['grey of 16 bits', GREY, (x) => wide(grey(x)), { width: 11, colour: 0, depth: 16 }],
  ['grey with alpha', GREY, (x) => [...grey(x), 255], { width: 11, colour: 4, depth: 8 }],
  ['grey with alpha of 16 bits', GREY, (x) => wide([...grey(x), 255]), { width: 11, colour: 4, depth: 16 }],
]
for (const [name, text, sample, options] of KINDS) {
  for (const interlaced of [false, true]) {
    it(`${name}${interlaced ? ', interlaced,' : ''} is read`, async () => {
      const data = text === null ? { a: 1, fi: 'pöllö' } : Number(text)
      for (const filter of [0, 1, 2, 3, 4]) {
        const png = fromSamples(sample, { ...options, interlaced, filter: () => filter })
        assert.deepEqual(decodeImageToData(png), data)
        assert.deepEqual(await decodeImage(png), data)
      }
    })
  }
}

it('a palette of 1, 2 and 4 bits is read', async () => {
  for (const [depth, text] of [
    [1, '22222'],
    [2, '222333'],
    [4, '1112223334445556'],
  ]) {
    const image = pixelsOf(encodeDataToImage(Number(text)))
    const color = (x) => image.pixels.toString('hex', x * 3, x * 3 + 3)
    const colors = [...new Set(Array.from({ length: image.width }, (_, x) => color(x)))]
    // More colours than the depth holds are a longer row of a larger depth.
    const least = [1, 2, 4, 8].find((bits) => 2 ** bits >= colors.length)
    const before = [chunk('PLTE', Buffer.from(colors.join(''), 'hex'))]
    const png = fromSamples((x) => [colors.indexOf(color(x))], {
      width: image.width,
      colour: 3,
      depth: Math.max(depth, least),
      before,
    })
    assert.equal(decodeImageToData(png), Number(text))
    assert.equal(await decodeImage(png), Number(text))
  }
})

it('the reader of files gives the pixels that sharp gives', async () => {
  const random = (x, y, most) => (x * 7 + y * 13 + x * y) % (most + 1)
  for (const [colour, depths, channels] of [
    [0, [1, 2, 4, 8, 16], 1],
    [2, [8, 16], 3],
    [3, [1, 2, 4, 8], 1],
    [4, [8, 16], 2],
    [6, [8, 16], 4],
  ]) {
    for (const depth of depths) {
      for (const interlaced of [false, true]) {
        for (const [width, height] of [
          [1, 1],
          [3, 2],
          [9, 5],
          [17, 9],
        ]) {
          const most = 2 ** depth - 1
          const before =
            colour === 3
              ? [
                  chunk(
                    'PLTE',
                    Buffer.from({ length: 3 * (most + 1) }, (_, i) => i * 5),
                  ),
                ]
              : []
          const sample = (x, y) =>
            Array.from({ length: channels }, (_, channel) =>
              colour > 3 && channel === channels - 1 ? most : random(x, y, most),
            )
          const options = { width, height, colour, depth, interlaced, before, filter: (y) => y % 5 }
          const png = fromSamples(sample, options)
          const { data } = await sharp(png)
            .toColourspace('srgb')
            .removeAlpha()
            .raw()
            .toBuffer({ resolveWithObject: true })
          const expected = depth === 16 ? high(sample, width, height, colour) : data
          const read = await readPng(new Response(png))
          assert.deepEqual([...read], [...expected], JSON.stringify(options))
        }
      }
    }
  }
})

/** The high bytes of samples of 16 bits; sharp rounds them otherwise. */
function high(sample, width, height, colour) {
  const bytes = []
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [red, green, blue] = sample(x, y).map((value) => value >> 8)
      bytes.push(...(colour & 2 ? [red, green, blue] : [red, red, red]))
    }
  }
  return bytes
}

it('what is not lossless, or no PNG, is refused', async () => {
  const picture = sharp({ create: { width: 9, height: 9, channels: 3, background: 'teal' } })
  for (const bytes of [
    await picture.clone().jpeg().toBuffer(),
    await picture.clone().webp({ lossless: true }).toBuffer(),
    await picture.clone().gif().toBuffer(),
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
  ]) {
    assert.throws(() => decodeImageToData(bytes), { code: 'ERR_TEXAMPLE_IMAGE_INVALID' })
    await assert.rejects(decodeImage(bytes), { code: 'ERR_TEXAMPLE_IMAGE_INVALID' })
  }
})

it('a palette that lacks a colour is an error', async () => {
  const short = chunk('PLTE', Buffer.from('000000', 'hex'))
  for (const before of [[], [short]]) {
    const png = fromSamples(indexOf, { width, colour: 3, depth: 8, before })
    assert.throws(() => decodeImageToData(png), { code: INVALID_OR_CORRUPT })
    await assert.rejects(decodeImage(png), { code: INVALID_OR_CORRUPT })
  }
})
