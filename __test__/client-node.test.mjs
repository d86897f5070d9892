/** The client where there is no canvas and no image: in Node.js. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { inspect } from 'node:util'

import fc from 'fast-check'
import { decodeImage, queryXD, TexampleError, xdClient } from 'texample/client'
import { encodeImage } from 'texample/client/encode'
import { decodeImage as decodeRobust } from 'texample/client/robust'
import { openOrigins, sendData } from '../devtools/browser-origins.mjs'
import { decodeImageToData, encodeDataToImage } from '../js/index.mjs'
import { damage, generator, MODELS } from './support/damage.mjs'

const INVALID_ARGUMENT = { name: 'TypeError', code: 'ERR_TEXAMPLE_INVALID_ARGUMENT' }

it('a broken zlib stream is corrupt', async () => {
  const png = encodeDataToImage('x'.repeat(5_000), { compression: 'best' })
  png[50] ^= 255
  await assert.rejects(decodeImage(png), { name: 'TexampleError', code: 'ERR_TEXAMPLE_IMAGE_CORRUPT' })
  assert.throws(() => decodeImageToData(png), { name: 'TexampleError', code: 'ERR_TEXAMPLE_IMAGE_CORRUPT' })
})

it('damages end in a code or in the right value', async () => {
  const random = generator(20_261_125)
  const values = [{ a: 1, fi: 'pöllö' }, 7, '', 'a'.repeat(700), [1, 2, 3]]
  const images = values.flatMap((data) =>
    [false, true].map((robust) => ({ json: JSON.stringify(data), png: encodeDataToImage(data, { robust }) })),
  )
  for (let round = 0; round < 4_000; round++) {
    const { json, png } = images[random(images.length)]
    const damaged = damage(png, MODELS[random(MODELS.length)], random)
    try {
      assert.equal(JSON.stringify(await decodeRobust(damaged)), json)
    } catch (error) {
      assert.ok(error instanceof TexampleError, error.stack)
      assert.match(error.code, /^ERR_TEXAMPLE_IMAGE_(CORRUPT|INVALID)$/)
    }
  }
})

it('any bytes and any JSON come back', async () => {
  const any = fc.oneof(fc.jsonValue(), fc.uint8Array({ maxLength: 300 }))
  const options = fc.record({ charset: fc.constantFrom('ascii', 'utf-8'), robust: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(any, options, async (data, chosen) => {
      const expected = data instanceof Uint8Array ? data : JSON.parse(JSON.stringify(data))
      assert.deepStrictEqual(await decodeRobust(encodeDataToImage(data, chosen)), expected)
      assert.deepStrictEqual(decodeImageToData(await fileOf(encodeImage(data, chosen))), expected)
      const stored = await fileOf(encodeImage(data, { ...chosen, robust: false, compress: false }))
      assert.ok(stored.equals(encodeDataToImage(data, { charset: chosen.charset, compression: 'none' })))
    }),
    { numRuns: 300 },
  )
})

it('a URL is asked by fetch, and a relative one is wrong', async (t) => {
  const origins = await openOrigins()
  t.after(() => origins.close())
  const url = origins.serve('data', sendData({ a: 1 }))
  assert.deepEqual(await queryXD(url), { a: 1 })
  assert.deepEqual(await xdClient(url)('b=2'), { a: 1 })
  assert.deepEqual(await decodeImage(await fetch(url)), { a: 1 })
  const missing = origins.serve('missing', (_, response) => response.status(404).send('no'))
  await assert.rejects(queryXD(missing), { code: 'ERR_TEXAMPLE_IMAGE_UNREADABLE' })
  const hangs = origins.serve('hangs', (_, response) => response.flushHeaders())
  await assert.rejects(queryXD(hangs, { timeout: 50 }), { code: 'ERR_TEXAMPLE_IMAGE_UNREADABLE' })
  await assert.rejects(queryXD(hangs, { signal: AbortSignal.abort('enough') }), (reason) => reason === 'enough')
  await assert.rejects(queryXD('data.png'), INVALID_ARGUMENT)
})

it('whatever fails has a code', async () => {
  const used = new Response(encodeDataToImage(1))
  await used.text()
  const broken = new Response(
    new ReadableStream({
      pull(controller) {
        controller.error(new Error('cut off'))
      },
    }),
  )
  for (const source of [used, broken, { width: 5 }]) {
    await assert.rejects(decodeImage(source), { name: 'TexampleError', code: 'ERR_TEXAMPLE_IMAGE_UNREADABLE' })
  }
  // Node.js 24 and later read shared memory, in which there is no PNG.
  const kind = Number(process.versions.node.split('.')[0]) >= 24 ? 'INVALID' : 'UNREADABLE'
  const shared = new Uint8Array(new SharedArrayBuffer(100))
  await assert.rejects(decodeImage(shared), { name: 'TexampleError', code: `ERR_TEXAMPLE_IMAGE_${kind}` })
})

it('a wrong argument of the encoder is named', async () => {
  const charsets = ['latin1', ['ascii'], Symbol('ascii')].map((charset) => ({ charset }))
  for (const options of [null, 5, 'fast', ...charsets, { compress: 1 }, { robust: 'yes' }, { quality: 80 }]) {
    await assert.rejects(encodeImage(1, options), INVALID_ARGUMENT, inspect(options))
  }
  const cycle = {}
  cycle.self = cycle
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const detached = new ArrayBuffer(8)
  structuredClone(detached, { transfer: [detached] })
  for (const data of [undefined, () => {}, Symbol('s'), 1n, cycle, proxy, detached]) {
    await assert.rejects(encodeImage(data), { name: 'TexampleError', code: 'ERR_TEXAMPLE_NOT_SERIALIZABLE' })
  }
})

it('what no image carries is too large', async () => {
  const tooLarge = { name: 'TexampleError', code: 'ERR_TEXAMPLE_DATA_TOO_LARGE' }
  for (const robust of [false, true]) await assert.rejects(encodeImage('x'.repeat(50_331_642), { robust }), tooLarge)
  await assert.rejects(encodeImage(new Uint8Array(50_331_639)), tooLarge)
})

/** @param {Promise<Blob>} blob */
async function fileOf(blob) {
  return Buffer.from(await (await blob).arrayBuffer())
}
