/** Data images that image libraries of npm saved again, with all their usual settings. */

import assert from 'node:assert/strict'
import { it } from 'node:test'

import { PNG } from 'pngjs'
import sharp from 'sharp'
import { encodeDataToImage } from '../js/index.mjs'
import { checkSaved, VALUES } from './support/resaved.mjs'

const SHARP = [
  {},
  ...[0, 1, 6, 9].map((compressionLevel) => ({ compressionLevel })),
  { adaptiveFiltering: true },
  { progressive: true },
  { progressive: true, adaptiveFiltering: true, compressionLevel: 9 },
  { palette: true },
  { palette: true, progressive: true },
  ...[1, 5, 10].map((effort) => ({ effort })),
  ...[1, 80, 100].map((quality) => ({ quality })),
  ...[2, 4, 16, 256].map((colours) => ({ colours })),
  { palette: true, dither: 0 },
]

/** @type {Record<string, (image: import('sharp').Sharp) => import('sharp').Sharp>} */
const WAYS = {
  'as it is': (image) => image,
  'with alpha': (image) => image.ensureAlpha(),
  'as 16 bits': (image) => image.toColourspace('rgb16'),
  'with its profile': (image) => image.withIccProfile('srgb'),
  'with metadata': (image) => image.withMetadata({ density: 300 }),
  grey: (image) => image.greyscale(),
}

for (const [way, turn] of Object.entries(WAYS)) {
  it(`sharp, ${way}: the data, or a typed error`, async () => {
    let same = 0
    for (const data of VALUES) {
      for (const options of SHARP) {
        const saved = await turn(sharp(encodeDataToImage(data)))
          .png(options)
          .toBuffer()
        same += Number(await checkSaved(data, saved, `sharp ${way} ${JSON.stringify(options)}`))
      }
    }
    assert.ok(way === 'grey' || same >= VALUES.length * 9, `${same} had the same pixels`)
  })
}

it('pngjs: the data', async () => {
  for (const data of VALUES) {
    const image = PNG.sync.read(encodeDataToImage(data))
    for (const colorType of /** @type {const} */ ([2, 6])) {
      for (const filterType of [-1, 0, 1, 2, 3, 4]) {
        for (const bitDepth of /** @type {const} */ ([8, 16])) {
          const raw =
            bitDepth === 16 ? Buffer.from(new Uint16Array(image.data).map((byte) => byte * 257).buffer) : image.data
          const options = { colorType, filterType, bitDepth, inputHasAlpha: true }
          const saved = PNG.sync.write(/** @type {any} */ ({ ...image, data: raw }), options)
          assert.ok(await checkSaved(data, saved, `pngjs ${JSON.stringify(options)}`))
        }
      }
    }
  }
})
