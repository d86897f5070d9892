/** What is wrong with an answer, an image or its pixels is told apart, and never read as data. */

import assert from 'node:assert/strict'

import sharp from 'sharp'
import { sendData, sendPng } from '../../devtools/browser-origins.mjs'
import { originalCanvas } from '../../devtools/original.mjs'
import { freePort } from '../../devtools/ports.mjs'
import { encodeDataToImage } from '../../js/index.mjs'
import { fromPixels, pixelsOf } from '../support/png.mjs'
import { EXAMPLE, notFound } from './harness.mjs'

/** The image of some data with one byte of its pixels changed. */
function changed(at, change, data = EXAMPLE, options = {}) {
  const { width, pixels } = pixelsOf(encodeDataToImage(data, options))
  pixels[at] ^= change
  return sendPng(fromPixels(pixels, { width }))
}

/** @param {ReturnType<typeof import('./harness.mjs').openHarness>} harness */
export function testDamage({ serve, inPage }) {
  for (const lies of [false, true]) {
    const where = lies ? 'a canvas that lies' : 'an honest canvas'
    inPage(`${where}: unreadable, invalid and corrupt differ`, async (page) => {
      if (lies) await page.lie('everything')
      const png = encodeDataToImage(Array.from({ length: 5_000 }, (_, i) => i))
      const cutOff = (_, response) => {
        response.type('png').set('Content-Length', String(png.length))
        response.write(png.subarray(0, 2_000), () => response.socket?.destroy())
      }
      const picture = { create: { width: 8, height: 8, channels: 3, background: 'teal' } }
      for (const [code, answer] of [
        ['UNREADABLE', (_, response) => response.socket?.destroy()],
        ['UNREADABLE', cutOff],
        ['UNREADABLE', notFound],
        ['INVALID', (_, response) => response.send('<p>no image</p>')],
        ['INVALID', (_, response) => response.type('png').send('not a PNG')],
        ['INVALID', sendPng(await sharp(picture).jpeg().toBuffer())],
        ['CORRUPT', sendPng(await sharp(picture).png().toBuffer())],
        ['CORRUPT', sendPng(await sharp(picture).toColourspace('b-w').png().toBuffer())],
        ['CORRUPT', sendPng(await sharp(picture).png({ palette: true }).toBuffer())],
        ['CORRUPT', changed(0, 1)],
        ['CORRUPT', sendPng(fromPixels(Buffer.alloc(300), { width: 100 }))],
        ['CORRUPT', sendPng(fromPixels(Buffer.alloc(300, 255), { width: 100 }))],
      ]) {
        await page.fails(code, serve(answer))
      }
      await page.fails('UNREADABLE', { url: `http://127.0.0.1:${await freePort()}/` })
    })

    inPage(`${where}: an image with status 404 is read`, async (page) => {
      if (lies) await page.lie('everything')
      const image = serve((request, response) => sendData(EXAMPLE)(request, response.status(404)))
      await page.gets(EXAMPLE, image)
      assert.equal(image.requests(), 1)
    })

    inPage(`${where}: bytes come back as a Uint8Array`, async (page) => {
      if (lies) await page.lie('everything')
      const bytes = Uint8Array.from({ length: 60_000 }, (_, i) => i >> 3)
      const query = async ({ queryXD }, url) => {
        const data = await queryXD(url)
        return [data.constructor.name, data.length, data.every((byte, i) => byte === ((i >> 3) & 255))]
      }
      for (const [module, options] of [
        ['index', {}],
        ['robust', { robust: true }],
        ['robust', {}],
      ]) {
        const { url } = serve(sendData(bytes, options))
        assert.deepEqual(await page.run(query, url, module), ['Uint8Array', 60_000, true])
      }
    })
  }

  inPage('a truncated PNG is an error, or its data', async (page) => {
    const data = Array.from({ length: 500 }, (_, i) => i * 7919)
    const png = encodeDataToImage(data, { compression: 'none' })
    for (const length of [0, 7, 30, 60, png.length >> 1, png.length - 30, png.length - 20, png.length - 4]) {
      const result = await page.query(serve(sendPng(png.subarray(0, length))))
      if (length > png.length - 25 && result.data) assert.deepEqual(result, { data })
      else assert.match(result.code ?? 'read', /^ERR_TEXAMPLE_IMAGE_(UNREADABLE|CORRUPT|INVALID)$/, `at ${length}`)
    }
  })

  inPage('changed pixels are corrupt, after a second request', async (page) => {
    const end = pixelsOf(encodeDataToImage(EXAMPLE)).pixels.indexOf(0)
    for (const at of [0, 10, end, end + 2]) {
      const image = serve(changed(at, 1))
      await page.fails('CORRUPT', image)
      assert.equal(image.requests(), 2)
    }
  })

  inPage("the original's images are read with legacy alone", async (page) => {
    for (const data of [EXAMPLE, 1, 12, 123]) {
      const { width, height, rgba } = originalCanvas(data)
      const raw = { raw: { width, height, channels: /** @type {const} */ (4) } }
      const image = serve(sendPng(await sharp(rgba, raw).png().toBuffer()))
      await page.fails('CORRUPT', image)
      await page.fails('CORRUPT', image, { legacy: false, fallback: false })
      await page.gets(data, image, { legacy: true })
    }
    await page.fails('CORRUPT', serve(changed(1, 1)), { legacy: true })
    await page.fails('CORRUPT', serve(sendPng(fromPixels(Buffer.from('[1] '), { width: 1 }))), { legacy: true })
  })

  inPage('the robust client reads plain images, and refuses damage', async (page) => {
    await page.gets(EXAMPLE, serve(sendData(EXAMPLE)), {}, 'robust')
    await page.fails('CORRUPT', serve(sendPng(fromPixels(Buffer.alloc(300, 0x42), { width: 100 }))), {}, 'robust')
    const { length } = pixelsOf(encodeDataToImage(EXAMPLE, { robust: true })).pixels
    for (const at of [0, 5, 9, 14, 20, length - 6]) {
      await page.fails('CORRUPT', serve(changed(at, 4, EXAMPLE, { robust: true })), {}, 'robust')
    }
  })
}
