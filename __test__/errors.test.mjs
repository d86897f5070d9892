/** A wrong argument to any public function is a typed error, and every code is documented. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import texample, { TexampleError } from 'texample'

const { start, ticks, nextId, openSequence, openStore } = texample
const { encodeDataToImage, encodeDataToImageAsync, decodeImageToData, decodeImageToDataAsync } = texample

const nothing = () => {}
const opened = () => openSequence('errors', { url: 'memory:' })
/** @param {unknown} options */
const open = (options) => openSequence('errors', Object.assign({ url: 'memory:' }, options))
const store = openStore({ url: 'memory:' })
const png = encodeDataToImage({ a: 1 })

/**
 * @type {[name: string, call: (value: any) => unknown, wrongTypes: unknown[], outOfRange:
 * unknown[]][]}
 */
const table = [
  ['start(callback)', (value) => start(value), [null, 1, 'fn', true, Symbol('s'), 1n], []],
  ['start(, options)', (value) => start(nothing, value), [null, 1, 'fn', nothing, true], []],
  ['ticks(options)', (value) => ticks(value), [null, 1, 'fn', nothing], []],
  ...['start', 'ticks'].flatMap((name) => {
    const call = (/** @type {string} */ option) => (/** @type {unknown} */ value) =>
      name === 'start' ? start(nothing, { [option]: value }) : ticks({ [option]: value })
    return /** @type {typeof table} */ ([
      [`${name}: interval`, call('interval'), [null, '5', {}, 5n], [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]],
      [`${name}: count`, call('count'), [null, '5', {}], [-1, 1.5, Number.NaN]],
      [`${name}: capacity`, call('capacity'), [null, '5', {}], [0, -1, 1.5, Number.NaN]],
      [`${name}: overflow`, call('overflow'), [null, 1, {}], ['drop', '']],
      [`${name}: signal`, call('signal'), [null, 1, {}, 'stop'], []],
      [`${name}: batch`, call('batch'), [null, 1, 'yes'], []],
    ])
  }),

  ...[encodeDataToImage, encodeDataToImageAsync].flatMap((encode) => {
    const call = (/** @type {string} */ option) => (/** @type {unknown} */ value) => encode({}, { [option]: value })
    return /** @type {typeof table} */ ([
      [`${encode.name}(, options)`, (value) => encode({}, value), [null, 1, 'best', nothing], []],
      [`${encode.name}: compression`, call('compression'), [null, 1, {}], ['zip', '']],
      [`${encode.name}: charset`, call('charset'), [null, 1, {}], ['latin1', '']],
      [`${encode.name}: maxBytes`, call('maxBytes'), [null, '5', {}], [-1, 1.5, Number.NaN, 50_331_644]],
      [`${encode.name}: robust`, call('robust'), [null, 1, 'yes'], []],
    ])
  }),
  ...[decodeImageToData, decodeImageToDataAsync].flatMap(
    (decode) =>
      /** @type {typeof table} */ ([
        [`${decode.name}(png)`, (value) => decode(value), [undefined, null, 1, 'png', {}, [], new ArrayBuffer(8)], []],
        [`${decode.name}(, options)`, (value) => decode(png, value), [null, 1, 'max', nothing], []],
        [
          `${decode.name}: maxBytes`,
          (value) => decode(png, { maxBytes: value }),
          [null, '5', {}],
          [-1, 1.5, Number.NaN, 50_331_644],
        ],
      ]),
  ),

  ['nextId(sequence)', (value) => nextId(value), [null, 1, {}, true], ['', 'a\0b']],
  ['nextId(, callback)', (value) => nextId('errors', value), [null, 1, 'fn', {}], []],
  ['openSequence(name)', (value) => openSequence(value, { url: 'memory:' }), [null, 1, {}, nothing], ['', 'a\0b']],
  ['openSequence(, options)', (value) => openSequence('errors', value), [null, 1, 'memory:', nothing], []],
  ...[openSequence, openStore].flatMap((opens) => {
    const call = (/** @type {string} */ option) => (/** @type {unknown} */ value) =>
      opens === openStore ? openStore({ url: 'memory:', [option]: value }) : open({ [option]: value })
    return /** @type {typeof table} */ ([
      [`${opens.name}: url`, call('url'), [null, 1, {}], ['', 'http://127.0.0.1/', 'file.db']],
      [`${opens.name}: collection`, call('collection'), [null, 1, {}], ['']],
      [`${opens.name}: start`, call('start'), [null, '1', {}], [-1, 1.5, Number.NaN, 2 ** 53]],
      [`${opens.name}: step`, call('step'), [null, '1', {}], [0, -1, 1.5, Number.NaN]],
      [`${opens.name}: maxStep`, call('maxStep'), [null, '1', {}], [0, -1, 1.5, Number.NaN]],
      [`${opens.name}: horizon`, call('horizon'), [null, '1', {}], [-1, Number.NaN]],
      [`${opens.name}: timeout`, call('timeout'), [null, '1', {}], [-1, Number.NaN]],
      [`${opens.name}: maxWaiters`, call('maxWaiters'), [null, '1', {}], [-1, 1.5, Number.NaN]],
      [`${opens.name}: bigint`, call('bigint'), [null, 1, 'yes'], []],
      [`${opens.name}: an unknown option`, call('steps'), [null, 1, 'ids'], []],
    ])
  }),
  ['openSequence: idle', (value) => open({ idle: value }), [1, '1'], []],
  ['openStore(options)', (value) => openStore(value), [null, 1, 'memory:', nothing, []], []],
  [
    'openStore: idle',
    (value) => openStore({ url: 'memory:', idle: value }),
    [null, '1', {}],
    [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31],
  ],
  ['store.nextId(sequence)', (value) => store.nextId(value), [undefined, null, 1, {}], ['', 'a\0b', 'a\uD800']],
  ['store.nextId(, options)', (value) => store.nextId('errors', value), [null, 1, 'fn', nothing, []], []],
  ['store.nextId: signal', (value) => store.nextId('errors', { signal: value }), [null, 1, 'fn', {}], []],
  ['store.nextIds(sequence)', (value) => store.nextIds(value, 1), [undefined, null, 1, {}], ['', 'a\0b']],
  ['store.nextIds(, count)', (value) => store.nextIds('errors', value), [undefined, null, '1', {}], [0, -1, 1.5]],
  ['store.read(sequence)', (value) => store.read(value), [undefined, null, 1, {}], ['', 'a\0b']],
  ['store.set(sequence)', (value) => store.set(value, 1), [undefined, null, 1, {}], ['', 'a\0b']],
  [
    'store.set(, next)',
    (value) => store.set('errors set', value),
    [undefined, null, '5', {}],
    [-1, 0.5, Number.NaN, 2 ** 53, -1n, 2n ** 63n],
  ],
  ['store.set(, , options)', (value) => store.set('errors set', 5, value), [null, 1, true, { forced: true }], []],
  ['store.set: force', (value) => store.set('errors set', 5, { force: value }), [null, 1, 'yes'], []],
  ['sequence.nextId(options)', (value) => opened().nextId(value), [null, 1, 'fn', true], []],
  ['sequence.nextId: signal', (value) => opened().nextId({ signal: value }), [null, 1, 'fn', {}], []],
  ['sequence.nextIds(count)', (value) => opened().nextIds(value), [undefined, null, '1', {}], [0, -1, 1.5, 1_000_001]],
]

describe('a wrong argument', () => {
  for (const [name, call, wrongTypes, outOfRange] of table) {
    it(`${name} is a typed error`, async () => {
      for (const value of wrongTypes) await rejects(call, value, TypeError)
      for (const value of outOfRange) await rejects(call, value, RangeError)
    })
  }
})

/** Thrown at once or as a rejection, but never taken. */
async function rejects(call, value, Kind) {
  const shown = typeof value === 'symbol' ? 'a symbol' : `${typeof value} ${String(value)}`
  let result
  try {
    result = await call(value)
  } catch (error) {
    assert.equal(error.constructor, Kind, `${shown} gives ${error.constructor.name}: ${error.message}`)
    assert.equal(error.code, 'ERR_TEXAMPLE_INVALID_ARGUMENT')
    assert.match(error.message, /must be|must not/)
    return
  }
  result?.stop?.()
  assert.fail(`${shown} was accepted`)
}

describe('TexampleError', () => {
  it('is an Error with a name, a code and a cause', () => {
    const cause = new Error('why')
    const error = new TexampleError('ERR_TEXAMPLE_IMAGE_CORRUPT', 'text', cause)
    assert.ok(error instanceof Error)
    assert.equal(error.name, 'TexampleError')
    assert.equal(error.code, 'ERR_TEXAMPLE_IMAGE_CORRUPT')
    assert.equal(error.cause, cause)
    assert.equal(String(error), 'TexampleError: text')
    assert.equal('cause' in new TexampleError('ERR_TEXAMPLE_IMAGE_CORRUPT', 'text'), false)
  })

  it('is what native failures become, with their code', () => {
    const expected = { name: 'TexampleError', code: 'ERR_TEXAMPLE_IMAGE_INVALID' }
    assert.throws(() => decodeImageToData(Buffer.from('not a PNG')), expected)
    assert.throws(() => decodeImageToData(Buffer.from('not a PNG')), TexampleError)
  })
})

it('every code stands in the types and in the README', () => {
  const read = (/** @type {string} */ name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')
  const types = new Set(read('js/index.d.ts').match(/ERR_TEXAMPLE_[A-Z_]+/g))
  const files = readdirSync(new URL('../js/', import.meta.url), { recursive: true }).filter((file) =>
    /\.[cm]js$/.test(file),
  )
  const sources = ['src/error.rs', ...files.map((file) => `js/${file}`)].map(read).join('\n')
  for (const [, code] of sources.matchAll(/["'](ERR_TEXAMPLE_[A-Z_]+)["']/g))
    assert.ok(types.has(code), `${code} has no type`)
  for (const code of types) assert.match(read('README.md'), new RegExp(`\`${code.replace('ERR_TEXAMPLE_', '')}\``))
})
