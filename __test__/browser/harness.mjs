/**
 * A browser, a page's origin and an origin of images: what the tests of the client share.
 *
 * @typedef {import('../../devtools/browser-driver.mjs').Driver} Driver
 * @typedef {import('../../devtools/browser-driver.mjs').Page} Page
 */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'

import { openOrigins } from '../../devtools/browser-origins.mjs'

export const EXAMPLE = { a: 1, en: 'owl', fi: 'pöllö', es: 'búho', percent: '100%', emoji: '💡' }

export const notFound = (_, response) => response.status(404).send('no')
/** Sends no byte of the image. */
export const hang = (_, response) => response.type('png').flushHeaders()

/** Runs in the page: a promise's outcome as plain data. */
function settle(promise, { TexampleError }) {
  return promise.then(
    (data) => ({ data }),
    (error) => {
      if (!(error instanceof Error)) return { reason: error }
      const { code, name, message } = error
      return { code, name, message, isOwn: error instanceof TexampleError, isTypeError: error instanceof TypeError }
    },
  )
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

/** What a test does with its page. */
class ClientPage {
  #page

  /** @param {Page} page */
  constructor(page) {
    this.#page = page
  }

  /** Calls `work(argument)` in the page. */
  evaluate(work, argument) {
    return this.#page.evaluate(work, argument)
  }

  /**
   * Calls `work(client, argument)` in the page, where `client` has the functions of a module of the
   * client, and `settled`, which gives a promise's outcome as plain data.
   */
  run(work, argument, module = 'index') {
    const source = `return import('/client/${module}.mjs').then((client) =>
      (${work})({ ...client, settled: (promise) => (${settle})(promise, client) }, argument))`
    return this.#page.evaluate(new Function('argument', source), argument)
  }

  lie(model) {
    return this.evaluate(lie, model)
  }

  query({ url }, options, module) {
    const work = ({ queryXD, settled }, { url, options }) => settled(queryXD(url, options))
    return this.run(work, { url, options }, module)
  }

  async gets(data, image, options, module) {
    assert.deepEqual(await this.query(image, options, module), { data })
  }

  async fails(code, image, options, module) {
    const error = await this.query(image, options, module)
    assert.equal(error.code, `ERR_TEXAMPLE_IMAGE_${code}`, JSON.stringify(error))
    assert.ok(error.isOwn && error.name === 'TexampleError' && error.message.length > 0)
  }

  /** What `decodeImage` makes of a file with these bytes. */
  decodeFile(bytes) {
    return this.run(({ decodeImage, settled }, base64) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      return settled(decodeImage(new File([bytes], 'state.png')))
    }, bytes.toString('base64'))
  }
}

/**
 * @param {() => Promise<Driver>} launch
 * @param {string} browser its name
 */
export function openHarness(launch, browser) {
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

  /** @returns {(name: string, body: (page: ClientPage) => Promise<void>) => void} */
  const inPageAt = (path) => (name, body) =>
    it(`${browser}: ${name}`, { timeout: 120_000 }, async () => {
      const page = await driver.open(origins.page + path)
      try {
        await body(new ClientPage(page))
      } finally {
        await page.close()
      }
    })

  let served = 0
  return {
    inPageAt,
    inPage: inPageAt('/'),
    /** In a page that allows images, and no connections. */
    inStrictPage: inPageAt('/csp'),

    /** An image of its own URL. */
    serve(answer, options) {
      const name = `image-${++served}`
      const url = origins.serve(name, answer, options)
      return { url, requests: () => origins.requests(name) }
    },
  }
}
