/** `encodeImage`: images that a page makes. */

import assert from 'node:assert/strict'

import { sendPng } from '../../devtools/browser-origins.mjs'
import { decodeImageToData, encodeDataToImage } from '../../js/index.mjs'
import { EXAMPLE } from './harness.mjs'

/** Runs in the page: makes an image of data, or of so many bytes. */
async function encode({ encodeImage }, { data, bytes, options }) {
  const blob = await encodeImage(bytes ? Uint8Array.from({ length: bytes }, (_, i) => i) : data, options)
  if (blob.type !== 'image/png') throw new Error(blob.type)
  const url = await new Promise((resolve) => {
    const reader = new FileReader()
    reader.onload = () => resolve(reader.result)
    reader.readAsDataURL(blob)
  })
  return url.slice(url.indexOf(',') + 1)
}

/** @param {ReturnType<typeof import('./harness.mjs').openHarness>} harness */
export function testEncoding({ serve, inPage }) {
  const encoded = async (page, argument) => Buffer.from(await page.run(encode, argument, 'encode'), 'base64')

  inPage('encodeImage makes the file that Node.js makes', async (page) => {
    const values = [1, EXAMPLE, '', 'x'.repeat(49_146), 'ö%💡\u007f'.repeat(9_000), [null, true, 1e-7]]
    for (const charset of ['ascii', 'utf-8']) {
      for (const data of values) {
        const made = await encoded(page, { data, options: { charset, compress: false } })
        assert.ok(made.equals(encodeDataToImage(data, { charset, compression: 'none' })))
      }
    }
  })

  inPage('what encodeImage makes is read, in every form', async (page) => {
    const values = [1, EXAMPLE, 'x'.repeat(49_146), Array.from({ length: 20_000 }, (_, i) => ({ i, s: `ö${i % 97}` }))]
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i)
    for (const options of [{}, { charset: 'utf-8' }, { robust: true }, { robust: true, compress: false }]) {
      for (const data of values) {
        const made = await encoded(page, { data, options })
        assert.deepEqual(decodeImageToData(made), data)
        await page.gets(data, serve(sendPng(made)), {}, options.robust ? 'robust' : 'index')
      }
      assert.deepEqual(decodeImageToData(await encoded(page, { bytes: bytes.length, options })), bytes)
    }
    const deflated = await encoded(page, { data: values[3] })
    assert.ok(deflated.length < JSON.stringify(values[3]).length / 3)
  })
}
