/** A wrong argument to any public function is a typed error, and every code is documented. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import texample, { TexampleError } from 'texample'
import { assertThreads } from './support/threads.mjs'

const { start, ticks, nextId, openSequence, openStore } = texample
const { encodeDataToImage, encodeDataToImageAsync, decodeImageToData, decodeImageToDataAsync } = texample

const nothing = () => {}
const png = encodeDataToImage({ a: 1 })
const memory = { url: 'memory:' }
const store = openStore(memory)
const sequence = openSequence('errors', memory)

/** One value of each type; an argument refuses those of all types but its own. */
const values = {
  null: null,
  text: 'text',
  boolean: true,
  number: 1,
  bigint: 1n,
  symbol: Symbol('s'),
  object: {},
  array: [],
  function: nothing,
}

/**
 * An argument of a call: how it is named in the message, the call, the types that are right, values
 * of these that are out of range, and more of wrong types.
 * @typedef {[name: string, call: (value: any) => unknown, types?: string[], outOfRange?: any[],
 *   wrongTypes?: any[]]} Argument
 */

/**
 * The arguments of a call that are options: for each its type, and values that are out of range.
 * @param {(options: any) => unknown} call
 * @param {Record<string, [type?: string, outOfRange?: any[], wrongTypes?: any[]]>} options
 * @returns {Argument[]}
 */
const optionsOf = (call, options) =>
  Object.entries(options).map(([option, [type, outOfRange, wrongTypes]]) => [
    ...[`options.${option}`, (value) => call({ [option]: value }), type ? [type] : [], outOfRange, wrongTypes],
  ])

const tickerOptions = {
  interval: ['number', [-1, -0.001, 2 ** 31, Infinity, -Infinity, NaN]],
  count: ['number', [0, -1, 1.5, 2 ** 53, Infinity, NaN]],
  capacity: ['number', [0, -1, 1.5, 2 ** 24 + 1, 2 ** 32, Infinity, NaN]],
  overflow: ['text', ['', 'Block', 'drop', 'drop_oldest', 'toString', '__proto__']],
  signal: [],
  colour: [],
}
const maxBytes = ['number', [0, -1, 1.5, NaN, Infinity, 50_331_644]]
const encodeOptions = {
  compression: ['text', ['', 'Auto', 'zip', 'fastest', '6', 'constructor'], [['auto']]],
  charset: ['text', ['', 'utf8', 'UTF-8', 'latin1']],
  robust: ['boolean', [], [0]],
  maxBytes,
  quality: [],
}
const sequenceOptions = {
  collection: ['text', ['', 'a\0b']],
  start: ['number', [-1, 0.5, 1.5, NaN, Infinity, 2 ** 53]],
  step: ['number', [0, -1, 0.5, 1.5, NaN, Infinity]],
  maxStep: ['number', [0, -1, 0.5, 1.5, NaN, Infinity]],
  horizon: ['number', [-1, NaN, Infinity]],
  timeout: ['number', [-1, NaN, Infinity]],
  maxWaiters: ['number', [0, -1, 0.5, 1.5, NaN, Infinity]],
  bigint: ['boolean'],
  steps: [],
}
const noUrls = ['', 'http://127.0.0.1/', 'file.db']
const noNames = ['', 'a\0b', 'a\uD800']
const noCounts = [0, -1, 0.5, 1.5, NaN, Infinity]
const noImages = [undefined, [137, 80], new ArrayBuffer(8), new Uint16Array(8), new DataView(new ArrayBuffer(8))]

/** @param {(data: unknown, options: any) => unknown} encode @returns {Argument[]} */
function encoding(encode) {
  return [
    ['options', (value) => encode({}, value), ['object']],
    ...optionsOf((options) => encode({}, options), encodeOptions),
  ]
}

/** @param {(png: any, options?: any) => unknown} decode @returns {Argument[]} */
function decoding(decode) {
  return [
    ['png', (value) => decode(value), [], [], noImages],
    ['options', (value) => decode(png, value), ['object']],
    ...optionsOf((options) => decode(png, options), { maxBytes, robust: [] }),
  ]
}

/** @type {Record<string, Argument[]>} */
const throwing = {
  start: [
    ['callback', (value) => start(value), ['function', 'object']],
    ['callback', (value) => start(value, {}), ['function']],
    ['options', (value) => start(nothing, value), ['object']],
    ...optionsOf((options) => start(nothing, options), { ...tickerOptions, batch: ['boolean'], ref: [] }),
    ...optionsOf((options) => start(options), tickerOptions),
  ],
  ticks: [
    ['options', (value) => ticks(value), ['object']],
    ...optionsOf(ticks, { ...tickerOptions, batch: ['boolean', [true]], ref: ['boolean'] }),
  ],
  encodeDataToImage: encoding(encodeDataToImage),
  decodeImageToData: decoding(decodeImageToData),
  openSequence: [
    ['name', (value) => openSequence(value, memory), ['text'], noNames],
    ['options', (value) => openSequence('errors', value), ['object']],
    ['url', (url) => openSequence('errors', { url }), ['text'], noUrls],
    ...optionsOf((options) => openSequence('errors', { ...memory, ...options }), { ...sequenceOptions, idle: [] }),
  ],
  openStore: [
    ['options', (value) => openStore(value), ['object']],
    ['url', (url) => openStore({ url }), ['text'], noUrls],
    ...optionsOf((options) => openStore({ ...memory, ...options }), {
      ...sequenceOptions,
      idle: ['number', [-1, NaN, Infinity, 2 ** 31]],
    }),
  ],
}

/** @type {Record<string, Argument[]>} */
const rejecting = {
  encodeDataToImageAsync: encoding(encodeDataToImageAsync),
  decodeImageToDataAsync: decoding(decodeImageToDataAsync),
  nextId: [
    ['sequence', (value) => nextId(value), ['text', 'function'], noNames],
    ['callback', (value) => nextId('errors', value), ['function']],
  ],
  'store.nextId': [
    ['sequence', (value) => store.nextId(value), ['text'], noNames, [undefined]],
    ['options', (value) => store.nextId('errors', value), ['object']],
    ['signal', (value) => store.nextId('errors', { signal: value })],
  ],
  'store.nextIds': [
    ['sequence', (value) => store.nextIds(value, 1), ['text'], noNames, [undefined]],
    ['count', (value) => store.nextIds('errors', value), ['number'], noCounts, [undefined]],
  ],
  'store.read': [['sequence', (value) => store.read(value), ['text'], noNames, [undefined]]],
  'store.set': [
    ['sequence', (value) => store.set(value, 1), ['text'], noNames, [undefined]],
    ['next', (value) => store.set('set', value), ['number', 'bigint'], [-1, 0.5, NaN, 2 ** 53, -1n, 2n ** 63n]],
    ['options', (value) => store.set('set', 5, value), ['object'], [], [{ forced: true }]],
    ['force', (value) => store.set('set', 5, { force: value }), ['boolean']],
  ],
  'sequence.nextId': [
    ['options', (value) => sequence.nextId(value), ['object', 'function']],
    ['signal', (value) => sequence.nextId({ signal: value })],
  ],
  'sequence.nextIds': [
    ['count', (value) => sequence.nextIds(value), ['number'], [...noCounts, 1_000_001], [undefined]],
  ],
}

for (const [way, calls] of Object.entries({ 'is thrown at once': throwing, rejects: rejecting })) {
  for (const [call, all] of Object.entries(calls)) {
    describe(`a wrong argument of ${call} ${way}`, () => {
      for (const [name, make, types = [], outOfRange = [], wrongTypes = []] of all) {
        it(name, async () => {
          const otherTypes = Object.keys(values).filter((type) => !types.includes(type))
          for (const [value, Kind] of [
            ...otherTypes.map((type) => [values[type], TypeError]),
            ...wrongTypes.map((value) => [value, TypeError]),
            ...outOfRange.map((value) => [value, RangeError]),
          ]) {
            const given = inspect(value)
            const isRight = (error) => {
              assert.equal(error.constructor, Kind, `${given}: ${error.stack}`)
              assert.equal(error.code, 'ERR_TEXAMPLE_INVALID_ARGUMENT', given)
              assert.match(error.message, /must be|must not/, given)
              assert.ok(error.message.includes(name), `${given}: ${error.message}`)
              return true
            }
            // A ticker that starts all the same would keep the process alive.
            if (calls === throwing) assert.throws(() => make(value)?.stop?.(), isRight, given)
            else await assert.rejects(make(value), isRight, given)
          }
          assertThreads('texample-ticker', 0)
        })
      }
    })
  }
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
    assert.throws(
      () => decodeImageToData(Buffer.from('not a PNG')),
      (error) => error instanceof TexampleError && error.code === 'ERR_TEXAMPLE_IMAGE_INVALID',
    )
  })
})

it('every code stands in the types and in the README', () => {
  const read = (name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')
  const types = new Set(read('js/index.d.ts').match(/ERR_TEXAMPLE_[A-Z_]+/g))
  const files = readdirSync(new URL('../js/', import.meta.url), { recursive: true }).filter((file) =>
    /\.[cm]js$/.test(file),
  )
  const sources = ['src/error.rs', ...files.map((file) => `js/${file}`)].map(read).join('\n')
  for (const [, code] of sources.matchAll(/["'](ERR_TEXAMPLE_[A-Z_]+)["']/g))
    assert.ok(types.has(code), `${code} has no type`)
  for (const code of types) assert.match(read('README.md'), new RegExp(`\`${code.replace('ERR_TEXAMPLE_', '')}\``))
})
