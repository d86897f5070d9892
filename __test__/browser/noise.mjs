/** Browsers that change the pixels which a page reads, and pages that allow no connections. */

import assert from 'node:assert/strict'

import { sendData } from '../../devtools/browser-origins.mjs'
import { EXAMPLE, notFound, openHarness } from './harness.mjs'

/** @param {ReturnType<typeof openHarness>} harness */
export function testNoise({ serve, inPage, inStrictPage }) {
  for (const model of ['bit', 'two bits', 'one up or down', 'everything']) {
    inPage(`noise of ${model}: one request fetches the file`, async (page) => {
      await page.lie(model)
      for (const data of [EXAMPLE, 'x'.repeat(60_000)]) {
        const image = serve(sendData(data))
        await page.gets(data, image)
        assert.equal(image.requests(), 1)
      }
      await page.fails('UNREADABLE', serve(sendData(EXAMPLE)), { fallback: false })
      await page.fails('UNREADABLE', serve(notFound))
      const html = '<!doctype html><title>not a PNG</title>'
      await page.fails(
        'INVALID',
        serve((_, response) => response.send(html)),
      )
    })
  }

  inPage('noise: the robust client fetches plain images', async (page) => {
    await page.lie('bit')
    await page.gets(EXAMPLE, serve(sendData(EXAMPLE)), {}, 'robust')
  })

  inStrictPage('noise and no connections: it is a typed error', async (page) => {
    await page.lie('bit')
    await page.fails('UNREADABLE', serve(sendData(EXAMPLE)))
  })

  inStrictPage('images are read where no connection is allowed', async (page) => {
    const image = serve(sendData(EXAMPLE))
    await page.gets(EXAMPLE, image)
    await page.gets(EXAMPLE, serve(sendData(EXAMPLE)), { credentials: 'include' })
    assert.equal(image.requests(), 1)
    const isBlocked = (url) =>
      fetch(url).then(
        () => false,
        () => true,
      )
    assert.ok(await page.evaluate(isBlocked, image.url))
  })

  for (const model of [undefined, 'bit', 'two bits', 'one up or down']) {
    inStrictPage(`robust images need no connection, noise: ${model ?? 'none'}`, async (page) => {
      if (model) await page.lie(model)
      for (const data of [1, '', EXAMPLE, Array.from({ length: 50_000 }, (_, i) => i * 7919)]) {
        const image = serve(sendData(data, { robust: true }))
        await page.gets(data, image, {}, 'robust')
        await page.gets(data, image, { fallback: false }, 'robust')
        assert.equal(image.requests(), 2)
      }
    })
  }
}

/**
 * A browser whose canvas lies by itself.
 * @param {() => Promise<import('./harness.mjs').Driver>} launch
 * @param {string} browser its name
 */
export function testResistance(launch, browser) {
  const { serve, inPage, inStrictPage } = openHarness(launch, browser)

  inPage('the right value comes through fetch, with one request', async (page) => {
    for (const data of [1, EXAMPLE, Array.from({ length: 50_000 }, (_, i) => i)]) {
      const image = serve(sendData(data))
      await page.gets(data, image)
      assert.equal(image.requests(), 1)
      await page.gets(data, serve(sendData(data, { robust: true })), {}, 'robust')
    }
  })

  inPage('without the fallback it is a typed error', async (page) => {
    await page.fails('UNREADABLE', serve(sendData(EXAMPLE)), { fallback: false })
    await page.fails('UNREADABLE', serve(sendData(EXAMPLE, { robust: true })), { fallback: false }, 'robust')
  })

  inStrictPage('without connections it is a typed error', async (page) => {
    await page.fails('UNREADABLE', serve(sendData(EXAMPLE)))
  })
}
