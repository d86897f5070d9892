/** What must hold of a data image that another program saved again. */

import assert from 'node:assert/strict'

import sharp from 'sharp'
import { decodeImage } from '../../js/client/index.mjs'
import { decodeImageToData, encodeDataToImage } from '../../js/index.mjs'

/** Data whose images have few colours, many, bytes, and several rows. */
export const VALUES = [
  7,
  { a: 1, en: 'owl', fi: 'pöllö', es: 'búho' },
  'x'.repeat(600),
  Array.from({ length: 300 }, (_, i) => ({ id: i, name: `name ${i % 17}` })),
  Uint8Array.from({ length: 900 }, (_, i) => i * i),
  Array.from({ length: 9_000 }, (_, i) => i),
]

/** @param {Uint8Array} png */
export const pixels = (png) => sharp(png).toColourspace('srgb').removeAlpha().raw().toBuffer()

/**
 * The file of the same pixels gives the data, in Node.js and in a page; any other the data or a
 * typed error.
 * @param {unknown} data
 * @param {Uint8Array} saved
 * @param {string} how
 * @returns {Promise<boolean>} whether the pixels are the same
 */
export async function checkSaved(data, saved, how) {
  const isSame = (await pixels(encodeDataToImage(data))).equals(await pixels(saved))
  for (const read of [async (png) => decodeImageToData(png), decodeImage]) {
    try {
      assert.deepStrictEqual(await read(saved), data, how)
    } catch (error) {
      if (isSame || error.code === 'ERR_ASSERTION') throw new Error(`${how}: ${error.message}`, { cause: error })
      assert.match(error.code, /^ERR_TEXAMPLE_IMAGE_(CORRUPT|INVALID)$/, how)
    }
  }
  return isSame
}
