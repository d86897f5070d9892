/** `queryXD` and `xdClient`: values, cookies, callbacks, timeouts and caches. */

import assert from 'node:assert/strict'
import { once } from 'node:events'

import { sendData } from '../../devtools/browser-origins.mjs'
import { EXAMPLE, hang, notFound } from './harness.mjs'

/**
 * @param {ReturnType<typeof import('./harness.mjs').openHarness>} harness
 * @param {{ endsDownloads: boolean }} browser
 */
export function testQueries({ serve, inPage, inPageAt }, { endsDownloads }) {
  inPage('values of any size come back, with one request each', async (page) => {
    const values = [1, '', null, false, [], EXAMPLE, 'x'.repeat(49_145), 'x'.repeat(49_146), 'ö'.repeat(100_000)]
    for (const value of values) {
      for (const charset of ['ascii', 'utf-8']) {
        const image = serve(sendData(value, { charset }))
        await page.gets(value, image)
        assert.equal(image.requests(), 1)
      }
    }
  })

  inPage('5 MB in several rows come back exactly', async (page) => {
    const image = serve(sendData(Array.from({ length: 700_000 }, (_, i) => i)))
    const isSame = await page.run(async ({ queryXD }, url) => {
      const data = await queryXD(url)
      return data.length === 700_000 && data.every((value, index) => value === index)
    }, image.url)
    assert.ok(isSame)
  })

  inPage('cookies go with credentials and stay at home without', async (page) => {
    const login = serve((_, response) => {
      response.cookie('uid', '2134', { httpOnly: true })
      sendData('welcome')(_, response)
    })
    const whoami = serve((request, response) => sendData({ uid: request.cookies.uid ?? null })(request, response))
    await page.gets('welcome', login, { credentials: 'include' })
    await page.gets({ uid: '2134' }, whoami, { credentials: 'include' })
    await page.gets({ uid: null }, whoami)
    await page.gets({ uid: null }, whoami, { credentials: 'omit' })
  })

  inPage('a callback gets false and the data, or the error', async (page) => {
    const urls = [serve(sendData(EXAMPLE)).url, serve(notFound).url]
    const [good, bad, withOptions] = await page.run(async ({ queryXD }, [good, bad]) => {
      const called = (url, ...options) =>
        new Promise((resolve) => {
          const returned = queryXD(url, ...options, (error, data) =>
            resolve({ returned: String(returned), error: error?.code ?? error, data }),
          )
        })
      return [await called(good), await called(bad), await called(good, { timeout: 10_000 })]
    }, urls)
    assert.deepEqual(good, { returned: 'undefined', error: false, data: EXAMPLE })
    assert.deepEqual(withOptions, good)
    assert.deepEqual([bad.error, bad.data], ['ERR_TEXAMPLE_IMAGE_UNREADABLE', undefined])
  })

  inPage('what a callback throws is not swallowed', async (page) => {
    const thrown = await page.run(
      ({ queryXD }, url) => {
        queryXD(url, () => {
          throw new Error('mine')
        })
        return new Promise((resolve) => {
          addEventListener('error', (event) => {
            event.preventDefault()
            resolve(event.message)
          })
        })
      },
      serve(sendData(EXAMPLE)).url,
    )
    assert.match(thrown, /mine/)
  })

  inPage("xdClient appends its query, as the original's queryXD did", async (page) => {
    const image = serve((request, response) => {
      const { _: unique, ...query } = request.query
      sendData({ query, unique: unique !== undefined })(request, response)
    })
    const results = await page.run(async ({ xdClient }, url) => {
      const ask = xdClient(url)
      const withCallback = await new Promise((resolve) => ask('uid=2134', (error, data) => resolve([error, data])))
      const other = xdClient(new URL(`${url}?app=1`), { cacheBust: false })
      return [
        await ask('uid=2134&b=a%20b'),
        withCallback,
        await ask(),
        await other('uid=1'),
        await other(new URLSearchParams({ q: 'é' })),
      ]
    }, image.url)
    assert.deepEqual(results, [
      { query: { uid: '2134', b: 'a b' }, unique: true },
      [false, { query: { uid: '2134' }, unique: true }],
      { query: {}, unique: true },
      { query: { app: '1', uid: '1' }, unique: false },
      { query: { app: '1', q: 'é' }, unique: false },
    ])
  })

  inPage('without the right CORS headers it is unreadable', async (page) => {
    await page.fails('UNREADABLE', serve(sendData(1), { cors: null }))
    const star = serve(sendData(1), { cors: { origin: '*' } })
    await page.fails('UNREADABLE', star, { credentials: 'include' })
    await page.gets(1, star)
  })

  inPage('a cached copy without CORS headers does no harm', async (page) => {
    // As many servers do: CORS headers only where an Origin was sent, and no Vary.
    const image = serve(
      (request, response) => {
        if (request.headers.origin) response.set('Access-Control-Allow-Origin', '*')
        response.set('Cross-Origin-Resource-Policy', 'cross-origin').set('Cache-Control', 'max-age=3600')
        sendData(EXAMPLE)(request, response)
      },
      { cors: null },
    )
    const width = await page.evaluate(async (url) => {
      const plain = Object.assign(new Image(), { src: url })
      await plain.decode()
      return plain.naturalWidth
    }, image.url)
    assert.ok(width > 0)
    await page.gets(EXAMPLE, image)
    await page.gets(EXAMPLE, image)
    assert.equal(image.requests(), 3)
  })

  inPage('a timeout ends a download that hangs', async (page) => {
    let closed
    const image = serve((request, response) => {
      hang(request, response)
      closed = once(response, 'close')
    })
    await page.fails('UNREADABLE', image, { timeout: 500 })
    assert.equal(image.requests(), 1)
    if (endsDownloads) await closed
  })

  inPage('an abort rejects with its reason at any time', async (page) => {
    const results = await page.run(async ({ queryXD, settled }, url) => {
      const control = new AbortController()
      const during = settled(queryXD(url, { signal: control.signal }))
      setTimeout(() => control.abort('enough'), 200)
      return [
        await during,
        await settled(queryXD(url, { signal: AbortSignal.abort('before') })),
        (await settled(queryXD(url, { signal: AbortSignal.abort() }))).name,
      ]
    }, serve(hang).url)
    assert.deepEqual(results, [{ reason: 'enough' }, { reason: 'before' }, 'AbortError'])
  })

  inPage('a wrong argument is named', async (page) => {
    const { url } = serve(sendData(1))
    const errors = await page.run(async ({ queryXD, xdClient, decodeImage, settled }, url) => {
      const calls = [
        ...[undefined, null, 5, {}, [], 'state.png', url, Symbol('s'), Object.create(null), () => {}].map(
          (source) => () => decodeImage(source),
        ),
        ...[undefined, null, 5, {}, 'http://', 'http://[', Symbol('s')].map((url) => () => queryXD(url)),
        ...[null, 5, 'fast', { timeout: Number.NaN }, { timeout: -1 }, { timeout: 'soon' }, { signal: {} }].flatMap(
          (options) => [() => queryXD(url, options), () => decodeImage(new Blob(), options)],
        ),
        () => xdClient('http://')('a=1'),
        () => new Promise((resolve, reject) => queryXD('http://', (error) => (error ? reject(error) : resolve()))),
      ]
      return Promise.all(calls.map((call) => settled(call())))
    }, url)
    for (const { code, isTypeError, message } of errors) {
      assert.deepEqual([code, isTypeError], ['ERR_TEXAMPLE_INVALID_ARGUMENT', true], message)
      assert.match(message, / must be /)
    }
  })

  for (const [script, robust] of [
    ['/classic', false],
    ['/classic?robust', true],
  ]) {
    inPageAt(script)(`${script} defines window.texample`, async (page) => {
      const { url } = serve(sendData(EXAMPLE, { robust }))
      const result = await page.evaluate(
        async (url) => ({ names: Object.keys(window.texample).sort(), data: await window.texample.queryXD(url) }),
        url,
      )
      assert.deepEqual(result, { names: ['TexampleError', 'decodeImage', 'queryXD', 'xdClient'], data: EXAMPLE })
    })
  }
}
