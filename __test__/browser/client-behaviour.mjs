/**
 * What the browser client does, for any browser: a list of tests over a driver.
 *
 * A driver opens a page at a URL; a page evaluates a function of one argument and gives its
 * (awaited) result back.
 *
 * @typedef {{ evaluate: (work: Function, argument?: any) => Promise<any>, close: () =>
 *   Promise<void> }} Page
 * @typedef {{ open: (url: string) => Promise<Page>, close: () => Promise<void> }} Driver
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, it } from 'node:test'

import sharp from 'sharp'
import { openOrigins, sendData, sendPng } from '../../devtools/browser-origins.mjs'
import { originalCanvas } from '../../devtools/original.mjs'
import { decodeImageToData, encodeDataToImage } from '../../js/index.mjs'
import { fromPixels, pixelsOf } from '../support/png.mjs'

const EXAMPLE = { a: 1, en: 'owl', fi: 'pöllö', es: 'búho', percent: '100%', emoji: '💡' }

/** Runs in the page: asks, and settles to plain data. */
async function ask({ module = 'index', url, options }) {
  const { queryXD, TexampleError } = await import(`/client/${module}.mjs`)
  try {
    return { data: await queryXD(url, options) }
  } catch (error) {
    return { code: error.code, name: error.name, own: error instanceof TexampleError, message: String(error.message) }
  }
}

/** Runs in the page: reads a file. */
async function decodeFile(base64) {
  const { decodeImage } = await import('/client/index.mjs')
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  return decodeImage(new File([bytes], 'state.png')).then(
    (data) => ({ data }),
    (error) => ({ code: error.code, message: error.message }),
  )
}

/** Runs in the page: makes an image of data, or of so many bytes. */
async function encode({ data, bytes, options }) {
  const { encodeImage } = await import('/client/encode.mjs')
  const blob = await encodeImage(bytes ? Uint8Array.from({ length: bytes }, (_, i) => i) : data, options)
  if (blob.type !== 'image/png') throw new Error(blob.type)
  const url = await new Promise((resolve) => {
    const reader = new FileReader()
    reader.onload = () => resolve(reader.result)
    reader.readAsDataURL(blob)
  })
  return url.slice(url.indexOf(',') + 1)
}

/** A port that no server listens on. */
async function closedPort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Runs in the page: makes its canvas lie, by a bit, by two, by one up or down, or wholly. */
function lie(model) {
  const read = CanvasRenderingContext2D.prototype.getImageData
  CanvasRenderingContext2D.prototype.getImageData = function (...size) {
    const image = read.apply(this, size)
    const { data } = image
    let seed = 1
    const random = () => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
      return seed >> 8
    }
    for (let at = 0; at < data.length; at++) {
      if (at % 4 === 3 || random() % 3) continue
      if (model === 'bit') data[at] ^= 1
      else if (model === 'two bits') data[at] ^= random() & 3
      else if (model === 'one up or down') data[at] += random() % 2 ? 1 : -1
      else data[at] = random()
    }
    return image
  }
}

/**
 * A browser and two origins for the tests of a file, and what they are made of.
 * @param {() => Promise<Driver>} launch
 * @param {string} browser its name
 */
function room(launch, browser) {
  /** @type {Driver} */
  let driver
  /** @type {import('../../devtools/browser-origins.mjs').Origins} */
  let origins
  before(async () => {
    origins = await openOrigins()
    driver = await launch()
  })
  after(async () => {
    await driver?.close()
    await origins?.close()
  })

  let served = 0
  return {
    serve(answer, options) {
      const name = `image-${++served}`
      const url = origins.serve(name, answer, options)
      return { url, requests: () => origins.requests(name) }
    },

    /**
     * @param {string} name
     * @param {(page: Page) => Promise<void>} body
     * @param {string} [path]
     */
    inPage: (name, body, path = '/') =>
      it(`${browser}: ${name}`, { timeout: 120_000 }, async () => {
        const page = await driver.open(origins.page + path)
        try {
          await body(page)
        } finally {
          await page.close()
        }
      }),

    async fails(page, code, { url, requests }, options, module) {
      const result = await page.evaluate(ask, { url, options, module })
      assert.equal(result.code, `ERR_TEXAMPLE_IMAGE_${code}`, JSON.stringify(result))
      assert.ok(result.own && result.name === 'TexampleError' && result.message.length > 0)
      return requests()
    },

    async gets(page, data, { url }, options, module) {
      assert.deepEqual(await page.evaluate(ask, { url, options, module }), { data })
    },
  }
}

/**
 * A browser whose canvas lies by itself.
 * @param {() => Promise<Driver>} launch
 * @param {string} browser its name
 */
export function testResistance(launch, browser) {
  const { serve, inPage, fails, gets } = room(launch, browser)

  inPage('the right value comes through fetch and inflate, with one request', async (page) => {
    for (const data of [1, EXAMPLE, Array.from({ length: 50_000 }, (_, i) => i)]) {
      const image = serve(sendData(data))
      await gets(page, data, image)
      assert.equal(image.requests(), 1)
      await gets(page, data, serve(sendData(data, { robust: true })), {}, 'robust')
    }
  })

  inPage('without the fallback it is a typed error', async (page) => {
    await fails(page, 'UNREADABLE', serve(sendData(EXAMPLE)), { fallback: false })
    await fails(page, 'UNREADABLE', serve(sendData(EXAMPLE, { robust: true })), { fallback: false }, 'robust')
  })

  inPage(
    'where connections are not allowed either, it is a typed error',
    async (page) => {
      await fails(page, 'UNREADABLE', serve(sendData(EXAMPLE)))
    },
    '/csp',
  )
}

/**
 * @param {() => Promise<Driver>} launch
 * @param {string} browser its name
 * @param {{ endsDownloads?: boolean }} [options] whether it closes the connection of an image that
 *   is given up; WebKit does not, whatever becomes of the element
 */
export function testClient(launch, browser, { endsDownloads = true } = {}) {
  const { serve, inPage, fails, gets } = room(launch, browser)

  inPage('values of any size come back from another origin, with one request each', async (page) => {
    const values = [1, '', null, false, [], EXAMPLE, 'x'.repeat(49_145), 'x'.repeat(49_146), 'ö'.repeat(100_000)]
    for (const value of values) {
      for (const charset of ['ascii', 'utf-8']) {
        const image = serve(sendData(value, { charset }))
        await gets(page, value, image)
        assert.equal(image.requests(), 1)
      }
    }
  })

  inPage('5 MB in several rows come back exactly', async (page) => {
    const image = serve(sendData(Array.from({ length: 700_000 }, (_, i) => i)))
    const same = await page.evaluate(async (url) => {
      const { queryXD } = await import('/client/index.mjs')
      const data = await queryXD(url)
      return data.length === 700_000 && data.every((value, index) => value === index)
    }, image.url)
    assert.ok(same)
  })

  inPage('cookies go with credentials and stay at home without', async (page) => {
    const login = serve((_, response) => {
      response.cookie('uid', '2134', { httpOnly: true })
      sendData('welcome')(_, response)
    })
    const whoami = serve((request, response) => sendData({ uid: request.cookies.uid ?? null })(request, response))
    await gets(page, 'welcome', login, { credentials: 'include' })
    await gets(page, { uid: '2134' }, whoami, { credentials: 'include' })
    await gets(page, { uid: null }, whoami)
    await gets(page, { uid: null }, whoami, { credentials: 'omit' })
  })

  inPage('a callback gets false and the data, or the error; what it throws is not swallowed', async (page) => {
    const missing = serve((_, response) => response.status(404).send('no'))
    const urls = [serve(sendData(EXAMPLE)).url, missing.url]
    const seen = await page.evaluate(async ([good, bad]) => {
      const { queryXD } = await import('/client/index.mjs')
      const called = (url, ...options) =>
        new Promise((resolve) => {
          const returned = queryXD(url, ...options, (error, data) =>
            resolve({ returned: String(returned), error: error?.code ?? error, data }),
          )
        })
      const thrown = new Promise((resolve) => {
        addEventListener('error', (event) => {
          event.preventDefault()
          resolve(event.message)
        })
      })
      const results = [await called(good), await called(bad), await called(good, { timeout: 10_000 })]
      queryXD(good, () => {
        throw new Error('mine')
      })
      return { results, thrown: await thrown }
    }, urls)
    const [good, bad, withOptions] = seen.results
    assert.deepEqual(good, { returned: 'undefined', error: false, data: EXAMPLE })
    assert.deepEqual(withOptions, good)
    assert.deepEqual([bad.error, bad.data], ['ERR_TEXAMPLE_IMAGE_UNREADABLE', undefined])
    assert.match(seen.thrown, /mine/)
  })

  inPage("xdClient appends its query, as the original's queryXD did", async (page) => {
    const image = serve((request, response) => {
      const { _: unique, ...query } = request.query
      sendData({ query, unique: unique !== undefined })(request, response)
    })
    const results = await page.evaluate(async (url) => {
      const { xdClient } = await import('/client/index.mjs')
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

  inPage('no CORS header, and a star with credentials, are unreadable', async (page) => {
    await fails(page, 'UNREADABLE', serve(sendData(1), { cors: null }))
    const star = serve(sendData(1), { cors: { origin: '*' } })
    await fails(page, 'UNREADABLE', star, { credentials: 'include' })
    await gets(page, 1, star)
  })

  for (const lies of [false, true]) {
    const where = lies ? 'a canvas that lies' : 'an honest canvas'
    inPage(`${where}: out of reach is unreadable, no PNG invalid, changed corrupt`, async (page) => {
      if (lies) await page.evaluate(lie, 'everything')
      const png = encodeDataToImage(Array.from({ length: 5_000 }, (_, i) => i))
      const cutOff = (_, response) => {
        response.type('png').set('Content-Length', String(png.length))
        response.write(png.subarray(0, 2_000), () => response.socket?.destroy())
      }
      const picture = { create: { width: 8, height: 8, channels: 3, background: 'teal' } }
      const { width, pixels } = pixelsOf(encodeDataToImage(EXAMPLE))
      pixels[0] ^= 1
      for (const [code, answer] of [
        ['UNREADABLE', (_, response) => response.socket?.destroy()],
        ['UNREADABLE', cutOff],
        ['UNREADABLE', (_, response) => response.status(404).send('no')],
        ['INVALID', (_, response) => response.send('<p>no image</p>')],
        ['INVALID', (_, response) => response.type('png').send('not a PNG')],
        ['INVALID', sendPng(await sharp(picture).jpeg().toBuffer())],
        ['CORRUPT', sendPng(await sharp(picture).png().toBuffer())],
        ['CORRUPT', sendPng(await sharp(picture).toColourspace('b-w').png().toBuffer())],
        ['CORRUPT', sendPng(await sharp(picture).png({ palette: true }).toBuffer())],
        ['CORRUPT', sendPng(fromPixels(pixels, { width }))],
        ['CORRUPT', sendPng(fromPixels(Buffer.alloc(300), { width: 100 }))],
        ['CORRUPT', sendPng(fromPixels(Buffer.alloc(300, 255), { width: 100 }))],
      ]) {
        await fails(page, code, serve(answer))
      }
      const closed = await closedPort()
      await fails(page, 'UNREADABLE', { url: `http://127.0.0.1:${closed}/`, requests: () => 0 })
    })

    inPage(`${where}: an image with status 404 is read`, async (page) => {
      if (lies) await page.evaluate(lie, 'everything')
      const image = serve((request, response) => sendData(EXAMPLE)(request, response.status(404)))
      await gets(page, EXAMPLE, image)
      assert.equal(image.requests(), 1)
    })

    inPage(`${where}: bytes come back as a Uint8Array`, async (page) => {
      if (lies) await page.evaluate(lie, 'everything')
      const bytes = Uint8Array.from({ length: 60_000 }, (_, i) => i >> 3)
      for (const [module, options] of [
        ['index', {}],
        ['robust', { robust: true }],
        ['robust', {}],
      ]) {
        const result = await page.evaluate(
          async ({ module, url }) => {
            const { queryXD } = await import(`/client/${module}.mjs`)
            const data = await queryXD(url)
            return [data.constructor.name, data.length, data.every((byte, i) => byte === ((i >> 3) & 255))]
          },
          { module, url: serve(sendData(bytes, options)).url },
        )
        assert.deepEqual(result, ['Uint8Array', 60_000, true])
      }
    })
  }

  inPage('a picture that a library saved again is read, as an image and as a file', async (page) => {
    const png = encodeDataToImage(EXAMPLE)
    for (const options of [{ palette: true, effort: 10 }, { progressive: true }, { quality: 100 }]) {
      const saved = await sharp(png).png(options).toBuffer()
      const { url } = serve(sendPng(saved))
      await gets(page, EXAMPLE, { url })
      assert.deepEqual(await page.evaluate(decodeFile, saved.toString('base64')), { data: EXAMPLE })
    }
    const deep = await sharp(png).toColourspace('rgb16').png().toBuffer()
    assert.deepEqual(await page.evaluate(decodeFile, deep.toString('base64')), { data: EXAMPLE })
  })

  inPage('every state of an element ends with data, or an error in time', async (page) => {
    const image = serve(sendData(EXAMPLE))
    const hangs = serve((_, response) => response.type('png').flushHeaders())
    const results = await page.evaluate(
      async ([url, hangs]) => {
        const { decodeImage } = await import('/client/index.mjs')
        const settle = (...args) =>
          decodeImage(...args).then(
            (data) => ({ data }),
            (error) => error.code ?? error,
          )
        const element = (properties, place) => {
          const image = Object.assign(new Image(), { crossOrigin: '' }, properties)
          place?.append(image)
          return image
        }
        const ended = (image) => new Promise((resolve) => Object.assign(image, { onload: resolve, onerror: resolve }))
        const far = document.createElement('div')
        far.style.marginTop = '30000px'
        document.body.append(far)
        const hidden = document.createElement('div')
        hidden.hidden = true
        document.body.append(hidden)

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
          bad: [
            await settle(failed),
            await settle(element({})),
            await settle(element({ src: hangs }), { timeout: 100 }),
            await settle(element({ src: `${hangs}?2` }), { signal: control.signal }),
          ],
        }
      },
      [image.url, hangs.url],
    )
    assert.deepEqual(results.good, Array(9).fill({ data: EXAMPLE }))
    const unreadable = 'ERR_TEXAMPLE_IMAGE_UNREADABLE'
    assert.deepEqual(results.bad, [unreadable, unreadable, unreadable, 'enough'])
  })

  inPage('every source of a page is read', async (page) => {
    const { url } = serve(sendData(EXAMPLE))
    const results = await page.evaluate(async (url) => {
      const { decodeImage } = await import('/client/index.mjs')
      const settle = (source) =>
        Promise.resolve(source)
          .then((value) => decodeImage(value))
          .then(JSON.stringify, (error) => `${error.code} ${error.message}`)
      const response = await fetch(url)
      const blob = await response.clone().blob()
      const buffer = await blob.arrayBuffer()
      const bitmap = await createImageBitmap(blob)
      const drawn = (canvas) => {
        Object.assign(canvas, { width: bitmap.width, height: bitmap.height })
        canvas.getContext('2d').drawImage(bitmap, 0, 0)
        return canvas
      }
      const base64 = btoa(String.fromCharCode(...new Uint8Array(buffer)))
      const sources = {
        response,
        blob,
        file: new File([blob], 'state.png'),
        buffer,
        bytes: new Uint8Array(buffer),
        view: new DataView(buffer),
        bitmap,
        canvas: drawn(document.createElement('canvas')),
        offscreen: drawn(new OffscreenCanvas(1, 1)),
        data: `data:image/png;base64,${base64}`,
        dataUrl: new URL(`data:image/png;base64,${base64}`),
        object: URL.createObjectURL(blob),
      }
      const entries = Object.entries(sources).map(async ([name, source]) => [name, await settle(source)])
      return Object.fromEntries(await Promise.all(entries))
    }, url)
    for (const [name, result] of Object.entries(results)) assert.equal(result, JSON.stringify(EXAMPLE), name)
  })

  inPage(
    'a data: URL needs no connection',
    async (page) => {
      const url = `data:image/png;base64,${encodeDataToImage(EXAMPLE).toString('base64')}`
      const code = await page.evaluate(async (url) => {
        const { decodeImage } = await import('/client/index.mjs')
        return decodeImage(url).then(JSON.stringify, (error) => error.code)
      }, url)
      assert.equal(code, JSON.stringify(EXAMPLE))
    },
    '/csp',
  )

  inPage('what is wrong with an argument is said', async (page) => {
    const { url } = serve(sendData(1))
    const errors = await page.evaluate(async (url) => {
      const { queryXD, xdClient, decodeImage } = await import('/client/index.mjs')
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
      const results = []
      for (const call of calls) {
        results.push(
          await call().then(String, (error) => ({
            code: error.code,
            type: error instanceof TypeError,
            message: error.message,
          })),
        )
      }
      return results
    }, url)
    for (const { code, type, message } of errors) {
      assert.deepEqual([code, type], ['ERR_TEXAMPLE_INVALID_ARGUMENT', true], message)
      assert.match(message, / must be /)
    }
  })

  for (const kind of ['dedicated', 'shared', 'service']) {
    inPage(`a ${kind} worker asks, and reads what it is given`, async (page) => {
      const image = serve(sendData(EXAMPLE))
      const missing = serve((_, response) => response.status(404).send('no'))
      const base64 = encodeDataToImage(EXAMPLE).toString('base64')
      const results = await page.evaluate(
        async ({ kind, url, missing, base64 }) => {
          const ports = {
            dedicated: async () => new Worker('/worker.js'),
            shared: async () => new SharedWorker('/worker.js').port,
            async service() {
              await navigator.serviceWorker.register('/worker.js')
              return (await navigator.serviceWorker.ready).active
            },
          }
          const port = await ports[kind]()
          const ask = (call, args, transfer = []) =>
            new Promise((resolve) => {
              const { port1, port2 } = new MessageChannel()
              port1.onmessage = ({ data }) => resolve(data)
              if (kind === 'service') return port.postMessage({ call, args }, [port2, ...transfer])
              port.onmessage = ({ data }) => resolve(data)
              port.postMessage({ call, args }, transfer)
            })
          const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
          const bitmap = await createImageBitmap(new Blob([bytes]))
          const results = [
            await ask('queryXD', [url]),
            await ask('decodeImage', [bytes]),
            await ask('decodeImage', [new Blob([bytes])]),
            await ask('decodeImage', [`data:image/png;base64,${base64}`]),
            await ask('queryXD', [missing]),
            await ask('queryXD', ['http://']),
          ]
          // A service worker takes no bitmap in some browsers, which say so.
          if (kind === 'dedicated') results.push(await ask('decodeImage', [bitmap], [bitmap]))
          return results
        },
        { kind, url: image.url, missing: missing.url, base64 },
      )
      assert.deepEqual(results.slice(0, 4), Array(4).fill({ data: EXAMPLE }))
      assert.equal(image.requests(), 1)
      assert.deepEqual(
        results.slice(4, 6).map(({ code }) => code),
        ['ERR_TEXAMPLE_IMAGE_UNREADABLE', 'ERR_TEXAMPLE_INVALID_ARGUMENT'],
      )
      if (kind === 'dedicated') assert.deepEqual(results[6], { data: EXAMPLE })
    })
  }

  inPage('encodeImage makes the file that Node.js makes', async (page) => {
    const values = [1, EXAMPLE, '', 'x'.repeat(49_146), 'ö%💡\u007f'.repeat(9_000), [null, true, 1e-7]]
    for (const charset of ['ascii', 'utf-8']) {
      for (const data of values) {
        const made = await page.evaluate(encode, { data, options: { charset, compress: false } })
        assert.ok(Buffer.from(made, 'base64').equals(encodeDataToImage(data, { charset, compression: 'none' })))
      }
    }
  })

  inPage('a worker makes an image and reads it', async (page) => {
    for (const options of [{}, { robust: true, charset: 'utf-8' }]) {
      const result = await page.evaluate(
        (message) => {
          const worker = new Worker('/worker.mjs', { type: 'module' })
          worker.postMessage(message)
          return new Promise((resolve, reject) => {
            worker.onmessage = ({ data }) => resolve(data)
            worker.onerror = (event) => reject(new Error(event.message))
          })
        },
        { data: EXAMPLE, options },
      )
      assert.deepEqual(result, { type: 'image/png', data: EXAMPLE })
    }
  })

  inPage('what encodeImage makes is read, in every form', async (page) => {
    const values = [1, EXAMPLE, 'x'.repeat(49_146), Array.from({ length: 20_000 }, (_, i) => ({ i, s: `ö${i % 97}` }))]
    for (const options of [{}, { charset: 'utf-8' }, { robust: true }, { robust: true, compress: false }]) {
      for (const data of values) {
        const made = Buffer.from(await page.evaluate(encode, { data, options }), 'base64')
        assert.deepEqual(decodeImageToData(made), data)
        const module = options.robust ? 'robust' : 'index'
        await gets(page, data, serve(sendPng(made)), {}, module)
      }
      const bytes = Buffer.from(await page.evaluate(encode, { bytes: 70_000, options }), 'base64')
      assert.deepEqual(
        decodeImageToData(bytes),
        Uint8Array.from({ length: 70_000 }, (_, i) => i),
      )
    }
    const deflated = Buffer.from(await page.evaluate(encode, { data: values[3] }), 'base64')
    assert.ok(deflated.length < JSON.stringify(values[3]).length / 3)
  })

  inPage('a truncated PNG is an error, or right where its pixels are whole', async (page) => {
    const data = Array.from({ length: 500 }, (_, i) => i * 7919)
    const png = encodeDataToImage(data, { compression: 'none' })
    for (const length of [0, 7, 30, 60, png.length >> 1, png.length - 30, png.length - 20, png.length - 4]) {
      const { url } = serve(sendPng(png.subarray(0, length)))
      const result = await page.evaluate(ask, { url })
      if (length > png.length - 25 && result.data) assert.deepEqual(result, { data })
      else assert.match(result.code ?? 'read', /^ERR_TEXAMPLE_IMAGE_(UNREADABLE|CORRUPT|INVALID)$/, `at ${length}`)
    }
  })

  inPage('changed pixels are corrupt, after a second look at the file itself', async (page) => {
    const { width, pixels } = pixelsOf(encodeDataToImage(EXAMPLE))
    for (const at of [0, 10, pixels.indexOf(0), pixels.indexOf(0) + 2]) {
      const changed = Buffer.from(pixels)
      changed[at] ^= 1
      assert.equal(await fails(page, 'CORRUPT', serve(sendPng(fromPixels(changed, { width })))), 2)
    }
  })

  inPage('a server that hangs ends in a timeout, and the download is given up', async (page) => {
    const hung = Promise.withResolvers?.() ?? deferred()
    const image = serve((_, response) => {
      response.type('png').flushHeaders()
      once(response, 'close').then(hung.resolve)
    })
    await fails(page, 'UNREADABLE', image, { timeout: 500 })
    if (endsDownloads) await hung.promise
  })

  inPage('an abort rejects with its reason, before and during the download', async (page) => {
    const image = serve((_, response) => response.type('png').flushHeaders())
    const results = await page.evaluate(async (url) => {
      const { queryXD } = await import('/client/index.mjs')
      const control = new AbortController()
      const reason = (promise) =>
        promise.then(
          () => 'read',
          (error) => error,
        )
      const pending = reason(queryXD(url, { signal: control.signal }))
      setTimeout(() => control.abort('enough'), 200)
      const during = await pending
      return [
        during,
        await reason(queryXD(url, { signal: AbortSignal.abort('before') })),
        (await reason(queryXD(url, { signal: AbortSignal.abort() }))).name,
      ]
    }, image.url)
    assert.deepEqual(results, ['enough', 'before', 'AbortError'])
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
    const loaded = await page.evaluate(async (url) => {
      const plain = new Image()
      plain.src = url
      await plain.decode()
      return plain.naturalWidth > 0
    }, image.url)
    assert.ok(loaded)
    await gets(page, EXAMPLE, image)
    await gets(page, EXAMPLE, image)
    assert.equal(image.requests(), 3)
  })

  inPage("the original's images are read when legacy is asked for, and only then", async (page) => {
    for (const data of [EXAMPLE, 1, 12, 123]) {
      const { width, height, rgba } = originalCanvas(data)
      const raw = { raw: { width, height, channels: /** @type {const} */ (4) } }
      const image = serve(sendPng(await sharp(rgba, raw).png().toBuffer()))
      await fails(page, 'CORRUPT', image)
      await fails(page, 'CORRUPT', image, { legacy: false, fallback: false })
      await gets(page, data, image, { legacy: true })
    }
    const { width, pixels } = pixelsOf(encodeDataToImage(EXAMPLE))
    pixels[1] ^= 1
    await fails(page, 'CORRUPT', serve(sendPng(fromPixels(pixels, { width }))), { legacy: true })
    await fails(page, 'CORRUPT', serve(sendPng(fromPixels(Buffer.from('[1] '), { width: 1 }))), { legacy: true })
  })

  inPage('decodeImage reads elements, bitmaps, blobs and bytes', async (page) => {
    const { url } = serve(sendData(EXAMPLE))
    const results = await page.evaluate(async (url) => {
      const { decodeImage } = await import('/client/index.mjs')
      const code = (promise) =>
        promise.then(
          (data) => ({ data }),
          (error) => error.code,
        )
      const element = (crossOrigin, src) => {
        const image = new Image()
        image.crossOrigin = crossOrigin
        image.src = src
        return image
      }
      const loaded = element('', url)
      await loaded.decode()
      const blob = await (await fetch(url)).blob()
      const bytes = new Uint8Array(await blob.arrayBuffer())
      const padded = new Uint8Array(bytes.length + 8)
      padded.set(bytes, 4)
      return {
        good: [
          await code(decodeImage(loaded)),
          await code(decodeImage(element('', url))),
          await code(decodeImage(await createImageBitmap(loaded))),
          await code(decodeImage(blob)),
          await code(decodeImage(bytes)),
          await code(decodeImage(padded.subarray(4, 4 + bytes.length))),
        ],
        bad: [
          await code(decodeImage(element('', `${url}-missing`))),
          await code(decodeImage(bytes.subarray(0, bytes.length - 20))),
          await code(decodeImage(new Uint8Array())),
          await code(decodeImage(new Blob(['<!doctype html><title>not a PNG</title>']))),
        ],
      }
    }, url)
    assert.deepEqual(results.good, Array(6).fill({ data: EXAMPLE }))
    assert.deepEqual(results.bad.slice(0, 2), ['ERR_TEXAMPLE_IMAGE_UNREADABLE', 'ERR_TEXAMPLE_IMAGE_CORRUPT'])
    for (const code of results.bad) assert.match(code, /^ERR_TEXAMPLE_IMAGE_/)
  })

  inPage('an element without crossOrigin is unreadable', async (page) => {
    const image = serve((request, response) => {
      response.set('Cross-Origin-Resource-Policy', 'cross-origin')
      sendData(EXAMPLE)(request, response)
    })
    const code = await page.evaluate(async (url) => {
      const { decodeImage } = await import('/client/index.mjs')
      const element = new Image()
      element.src = url
      return decodeImage(element).then(String, (error) => error.code)
    }, image.url)
    assert.equal(code, 'ERR_TEXAMPLE_IMAGE_UNREADABLE')
  })

  inPage('files are read without a canvas, whatever their filters, rows and chunks', async (page) => {
    const { width, height, pixels } = pixelsOf(encodeDataToImage(Array.from({ length: 9_000 }, (_, i) => i * 31)))
    assert.ok(height > 1)
    const files = [0, 1, 2, 3, 4].map((kind) =>
      fromPixels(pixels, { width, height, filter: () => kind, parts: kind + 1 }),
    )
    files.push(fromPixels(pixels, { width, height, filter: (y) => y % 5 }))
    const rgba = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .ensureAlpha(0.5)
      .raw()
      .toBuffer()
    files.push(fromPixels(rgba, { width, height, channels: 4, filter: (y) => 4 - (y % 5) }))
    for (const file of files) {
      const sum = await page.evaluate(async (base64) => {
        const { decodeImage } = await import('/client/index.mjs')
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
        return (await decodeImage(bytes)).reduce((sum, value) => sum + value, 0)
      }, file.toString('base64'))
      assert.equal(sum, (31 * 9_000 * 8_999) / 2)
    }
  })

  inPage('a data: URL is read and left as it is', async (page) => {
    await gets(page, EXAMPLE, { url: `data:image/png;base64,${encodeDataToImage(EXAMPLE).toString('base64')}` })
  })

  for (const model of ['bit', 'two bits', 'one up or down', 'everything']) {
    inPage(`where the canvas lies (${model}) the file is fetched, with one request in all`, async (page) => {
      await page.evaluate(lie, model)
      for (const data of [EXAMPLE, 'x'.repeat(60_000)]) {
        const image = serve(sendData(data))
        await gets(page, data, image)
        assert.equal(image.requests(), 1)
      }
      await fails(page, 'UNREADABLE', serve(sendData(EXAMPLE)), { fallback: false })
      await fails(
        page,
        'UNREADABLE',
        serve((_, response) => response.status(404).send('no')),
      )
      await fails(
        page,
        'INVALID',
        serve((_, response) => response.send('<!doctype html><title>not a PNG</title>')),
      )
    })
  }

  inPage(
    'a page that allows images and no connections reads images',
    async (page) => {
      const image = serve(sendData(EXAMPLE))
      await gets(page, EXAMPLE, image)
      await gets(page, EXAMPLE, serve(sendData(EXAMPLE)), { credentials: 'include' })
      assert.equal(image.requests(), 1)
      const blocked = await page.evaluate(
        (url) =>
          fetch(url).then(
            () => 'fetched',
            () => 'blocked',
          ),
        image.url,
      )
      assert.equal(blocked, 'blocked')
    },
    '/csp',
  )

  inPage(
    'where the canvas lies and connections are not allowed, it is a typed error',
    async (page) => {
      await page.evaluate(lie, 'bit')
      await fails(page, 'UNREADABLE', serve(sendData(EXAMPLE)))
    },
    '/csp',
  )

  for (const model of [undefined, 'bit', 'two bits', 'one up or down']) {
    inPage(
      `texample/client/robust reads robust images without a connection, noise: ${model ?? 'none'}`,
      async (page) => {
        if (model) await page.evaluate(lie, model)
        for (const data of [1, '', EXAMPLE, Array.from({ length: 50_000 }, (_, i) => i * 7919)]) {
          const image = serve(sendData(data, { robust: true }))
          await gets(page, data, image, {}, 'robust')
          await gets(page, data, image, { fallback: false }, 'robust')
          assert.equal(image.requests(), 2)
        }
      },
      '/csp',
    )
  }

  inPage('texample/client/robust reads plain images too, and refuses what is neither', async (page) => {
    await gets(page, EXAMPLE, serve(sendData(EXAMPLE)), {}, 'robust')
    await fails(page, 'CORRUPT', serve(sendPng(fromPixels(Buffer.alloc(300, 0x42), { width: 100 }))), {}, 'robust')
    const { width, pixels } = pixelsOf(encodeDataToImage(EXAMPLE, { robust: true }))
    for (const at of [0, 5, 9, 14, 20, pixels.length - 6]) {
      const changed = Buffer.from(pixels)
      changed[at] ^= 4
      await fails(page, 'CORRUPT', serve(sendPng(fromPixels(changed, { width }))), {}, 'robust')
    }
  })

  inPage('plain images are fetched by texample/client/robust where the canvas is noisy', async (page) => {
    await page.evaluate(lie, 'bit')
    await gets(page, EXAMPLE, serve(sendData(EXAMPLE)), {}, 'robust')
  })

  for (const [script, robust] of [
    ['/classic', false],
    ['/classic?robust', true],
  ]) {
    inPage(
      `the classic script${robust ? ' for robust images' : ''} defines window.texample`,
      async (page) => {
        const { url } = serve(sendData(EXAMPLE, { robust }))
        const result = await page.evaluate(
          async (url) => ({ names: Object.keys(window.texample).sort(), data: await window.texample.queryXD(url) }),
          url,
        )
        assert.deepEqual(result, { names: ['TexampleError', 'decodeImage', 'queryXD', 'xdClient'], data: EXAMPLE })
      },
      script,
    )
  }
}

function deferred() {
  let resolve
  const promise = new Promise((done) => {
    resolve = done
  })
  return { promise, resolve }
}
