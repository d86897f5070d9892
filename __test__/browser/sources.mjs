/** `decodeImage` and its sources: elements in every state, canvases, files, bytes, URLs. */

import assert from 'node:assert/strict'

import sharp from 'sharp'
import { sendData, sendPng } from '../../devtools/browser-origins.mjs'
import { encodeDataToImage } from '../../js/index.mjs'
import { fromPixels, pixelsOf } from '../support/png.mjs'
import { EXAMPLE, hang } from './harness.mjs'

/** @param {ReturnType<typeof import('./harness.mjs').openHarness>} harness */
export function testSources({ serve, inPage, inStrictPage }) {
  inPage('an element in any state ends with data or an error', async (page) => {
    const urls = [serve(sendData(EXAMPLE)).url, serve(hang).url]
    const results = await page.run(async ({ decodeImage, settled }, [url, hangs]) => {
      const settle = (...args) => settled(decodeImage(...args))
      const element = (properties, place) => {
        const image = Object.assign(new Image(), { crossOrigin: '' }, properties)
        place?.append(image)
        return image
      }
      const ended = (image) => new Promise((resolve) => Object.assign(image, { onload: resolve, onerror: resolve }))
      const far = document.createElement('div')
      far.style.marginTop = '30000px'
      const hidden = document.createElement('div')
      hidden.hidden = true
      document.body.append(far, hidden)

      const done = element({ src: url })
      await ended(done)
      const failed = element({ src: `${url}-missing` })
      await ended(failed)
      const control = new AbortController()
      setTimeout(() => control.abort('enough'), 100)
      return {
        good: [
          await settle(done),
          await settle(element({ src: url })),
          await settle(element({ loading: 'lazy', src: `${url}?lazy` }, far)),
          await settle(element({ loading: 'lazy', src: `${url}?detached` })),
          await settle(element({ srcset: `${url} 2x` })),
          await settle(element({ srcset: `${url} 3x` }, document.body)),
          await settle(element({ srcset: `${url} 100w`, sizes: '7px' })),
          await settle(element({ src: url, width: 3, height: 3 }, document.body)),
          await settle(element({ src: url }, hidden)),
        ],
        unreadable: [
          await settle(failed),
          await settle(element({ src: `${url}-missing?2` })),
          await settle(element({})),
          await settle(element({ src: hangs }), { timeout: 100 }),
        ],
        aborted: await settle(element({ src: `${hangs}?2` }), { signal: control.signal }),
      }
    }, urls)
    assert.deepEqual(results.good, Array(9).fill({ data: EXAMPLE }))
    for (const { code } of results.unreadable) assert.equal(code, 'ERR_TEXAMPLE_IMAGE_UNREADABLE')
    assert.deepEqual(results.aborted, { reason: 'enough' })
  })

  inPage('an element without crossOrigin is unreadable', async (page) => {
    const image = serve((request, response) => {
      response.set('Cross-Origin-Resource-Policy', 'cross-origin')
      sendData(EXAMPLE)(request, response)
    })
    const { code } = await page.run(
      ({ decodeImage, settled }, src) => settled(decodeImage(Object.assign(new Image(), { src }))),
      image.url,
    )
    assert.equal(code, 'ERR_TEXAMPLE_IMAGE_UNREADABLE')
  })

  inPage('every source of a page is read', async (page) => {
    const { url } = serve(sendData(EXAMPLE))
    const { good, bad } = await page.run(async ({ decodeImage, settled }, url) => {
      const response = await fetch(url)
      const blob = await response.clone().blob()
      const buffer = await blob.arrayBuffer()
      const bytes = new Uint8Array(buffer)
      const bitmap = await createImageBitmap(blob)
      const drawn = (canvas) => {
        Object.assign(canvas, { width: bitmap.width, height: bitmap.height })
        canvas.getContext('2d').drawImage(bitmap, 0, 0)
        return canvas
      }
      const loaded = Object.assign(new Image(), { crossOrigin: '', src: url })
      await loaded.decode()
      const padded = new Uint8Array(bytes.length + 8)
      padded.set(bytes, 4)
      const base64 = btoa(String.fromCharCode(...bytes))
      const good = {
        response,
        blob,
        file: new File([blob], 'state.png'),
        buffer,
        bytes,
        part: padded.subarray(4, 4 + bytes.length),
        view: new DataView(buffer),
        loaded,
        bitmap,
        bitmapOfElement: await createImageBitmap(loaded),
        canvas: drawn(document.createElement('canvas')),
        offscreen: drawn(new OffscreenCanvas(1, 1)),
        data: `data:image/png;base64,${base64}`,
        dataUrl: new URL(`data:image/png;base64,${base64}`),
        object: URL.createObjectURL(blob),
      }
      const bad = {
        cut: bytes.subarray(0, bytes.length - 20),
        empty: new Uint8Array(),
        html: new Blob(['<!doctype html><title>not a PNG</title>']),
      }
      const settle = async (sources) => {
        const all = Object.entries(sources).map(async ([name, source]) => [name, await settled(decodeImage(source))])
        return Object.fromEntries(await Promise.all(all))
      }
      return { good: await settle(good), bad: await settle(bad) }
    }, url)
    for (const [name, result] of Object.entries(good)) assert.deepEqual(result, { data: EXAMPLE }, name)
    for (const [name, { code }] of Object.entries(bad)) assert.match(code, /^ERR_TEXAMPLE_IMAGE_/, name)
    assert.equal(bad.cut.code, 'ERR_TEXAMPLE_IMAGE_CORRUPT')
  })

  for (const inAPage of [inPage, inStrictPage]) {
    const where = inAPage === inPage ? 'any page' : 'a page without connections'
    inAPage(`a data: URL is read in ${where}`, async (page) => {
      const url = `data:image/png;base64,${encodeDataToImage(EXAMPLE).toString('base64')}`
      await page.gets(EXAMPLE, { url })
      assert.deepEqual(await page.run(({ decodeImage }, url) => decodeImage(url), url), EXAMPLE)
    })
  }

  inPage('files are read whatever their filters, rows and chunks', async (page) => {
    const { width, height, pixels } = pixelsOf(encodeDataToImage(Array.from({ length: 9_000 }, (_, i) => i * 31)))
    assert.ok(height > 1)
    const files = [0, 1, 2, 3, 4].map((kind) =>
      fromPixels(pixels, { width, height, filter: () => kind, parts: kind + 1 }),
    )
    files.push(fromPixels(pixels, { width, height, filter: (y) => y % 5 }))
    const raw = { raw: { width, height, channels: /** @type {const} */ (3) } }
    const rgba = await sharp(pixels, raw).ensureAlpha(0.5).raw().toBuffer()
    files.push(fromPixels(rgba, { width, height, channels: 4, filter: (y) => 4 - (y % 5) }))
    for (const file of files) {
      const { data } = await page.decodeFile(file)
      assert.deepEqual(
        data,
        Array.from({ length: 9_000 }, (_, i) => i * 31),
      )
    }
  })

  inPage('a picture that a library saved again is read', async (page) => {
    const png = encodeDataToImage(EXAMPLE)
    for (const options of [{ palette: true, effort: 10 }, { progressive: true }, { quality: 100 }]) {
      const saved = await sharp(png).png(options).toBuffer()
      await page.gets(EXAMPLE, serve(sendPng(saved)))
      assert.deepEqual(await page.decodeFile(saved), { data: EXAMPLE })
    }
    const deep = await sharp(png).toColourspace('rgb16').png().toBuffer()
    assert.deepEqual(await page.decodeFile(deep), { data: EXAMPLE })
  })
}
