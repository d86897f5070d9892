/**
 * Data images beside what else makes and reads them: `npm run bench -- image`.
 *
 * Every ratio is of medians from one run. `npm run bench -- image -- quick` leaves node-canvas out;
 * `only=SIZE` measures one size; `beside=FOLDER` adds another version of the package, which is
 * built there.
 */

import * as crypto from 'node:crypto'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'

import { decodeImageToData, decodeImageToDataAsync, encodeDataToImage, encodeDataToImageAsync } from '../js/index.mjs'
import { decodeByHand, encodeByHand } from './image/by-hand.mjs'
import { collectGarbage, measure } from './image/measure.mjs'
import { payloads as all } from './image/payloads.mjs'
import { median, report } from './report.mjs'

const quick = process.argv.includes('quick')
const [only, beside] = ['only=', 'beside='].map((option) =>
  process.argv.find((word) => word.startsWith(option))?.slice(option.length),
)
const other = beside && (await import(pathToFileURL(path.resolve(beside, 'js', 'index.mjs')).href))
const payloads = all.filter(({ name }) => only === undefined || name === only)
const { peers } = quick ? { peers: [] } : await import('./image/peers.mjs')

const randomBytes = promisify(crypto.randomBytes)
const levels = /** @type {const} */ (['auto', 'none', 'fast', 'best'])

/** What must hold of which ratio, by size. */
const goals = [
  [
    'auto beside by hand, zlib 1',
    'by hand, zlib 1',
    'auto',
    'at least',
    { '100 B': 7, '1 KB': 1.7, '10 KB': 1.7, '100 KB': 1.3, '1 MB': 1.25 },
  ],
  [
    'auto beside the original code',
    'original code (node-canvas)',
    'auto',
    'at least',
    { '100 B': 12, '1 KB': 4, '10 KB': 6 },
  ],
  ['auto in JSON.stringify', 'auto', 'JSON.stringify', 'at most', {}],
  [
    'none in JSON.stringify',
    'none',
    'JSON.stringify',
    'at most',
    { '100 B': 3, '1 KB': 1.9, '10 KB': 1.4, '100 KB': 1.7, '1 MB': 1.5 },
  ],
  ['best beside by hand, zlib 6', 'by hand, zlib 6', 'best', 'at least', { '10 KB': 1.4, '100 KB': 1.4, '1 MB': 1.4 }],
  ['decode beside by hand', 'decode by hand', 'decode', 'at least', { '100 B': 5, '1 MB': 1.3 }],
  ...(other ? ['default', 'none', 'decode'] : []).map((run) => {
    return [
      `${run} beside the other version`,
      run,
      `other ${run}`,
      'at most',
      Object.fromEntries(payloads.map(({ name }) => [name, 1.05])),
    ]
  }),
]

/** @type {import('./report.mjs').Row[]} */
const rows = []
function add(what, value, unit, kind, limit) {
  const met = kind === 'at least' ? value >= limit : value <= limit
  rows.push({ what, value, unit, ...(limit !== undefined && { goal: `${kind} ${limit}`, met }) })
}

/** @type {Map<string, Map<string, number>>} */
const times = new Map()
for (const { name, data, json } of payloads) {
  const png = encodeDataToImage(data)
  const robust = encodeDataToImage(data, { robust: true })
  /** @type {[string, () => unknown][]} */
  const runs = [
    ['JSON.stringify', () => JSON.stringify(data)],
    ...levels.map((compression) => [compression, () => encodeDataToImage(data, { compression })]),
    ['default', () => encodeDataToImage(data)],
    ['utf-8', () => encodeDataToImage(data, { charset: 'utf-8' })],
    ['robust', () => encodeDataToImage(data, { robust: true })],
    ['by hand, zlib 1', () => encodeByHand(data, 1)],
    ['by hand, zlib 6', () => encodeByHand(data, 6)],
    ...peers.map(([peer, encode]) => [peer, () => encode(data)]),
    ['JSON.parse', () => JSON.parse(json)],
    ['decode', () => decodeImageToData(png)],
    ['decode robust', () => decodeImageToData(robust)],
    ['decode by hand', () => decodeByHand(png)],
    ...(other
      ? /** @type {[string, () => unknown][]} */ ([
          ['other default', () => other.encodeDataToImage(data)],
          ['other none', () => other.encodeDataToImage(data, { compression: 'none' })],
          ['other decode', () => other.decodeImageToData(png)],
        ])
      : []),
  ]
  times.set(name, await measure(runs, { rounds: quick ? 9 : 11, slice: quick ? 60 : 40 }))
}
for (const [size, found] of times) {
  for (const [run, nanoseconds] of found) {
    if (!Number.isNaN(nanoseconds)) add(`${run}, ${size}`, nanoseconds / 1000, 'µs')
  }
}
for (const [what, above, below, kind, limits] of goals) {
  for (const [size, found] of times) {
    const value = (found.get(above) ?? Number.NaN) / (found.get(below) ?? Number.NaN)
    if (!Number.isNaN(value)) add(`${what}, ${size}`, value, '×', kind, limits[size])
  }
}

for (const { name, data, json } of payloads) {
  const size = (options) => encodeDataToImage(data, options).length
  // One row is one filter byte before its bytes; that of larger images hardly counts.
  const bytes = Buffer.concat([Buffer.from([0]), Buffer.from(json), Buffer.alloc(5)])
  const plain = (level) => zlib.deflateSync(bytes, { level }).length + 57
  const more = (what, value, of, most) => {
    const limit = json.length > 5000 ? most : undefined
    add(`${what}, ${name}`, (value / of - 1) * 100, '% larger', 'at most', limit)
  }
  add(`size, ${name}`, size({}), 'bytes')
  more('size beside zlib 1', size({}), plain(1), 2)
  more('size of best beside zlib 6', size({ compression: 'best' }), plain(6), 3)
  more('size of robust beside plain', size({ robust: true }), size({}), 3)
}

// How long the main thread is held by a call of the asynchronous forms.
for (const { name, data, json } of payloads.filter(({ json }) => json.length > 50_000)) {
  const png = encodeDataToImage(data)
  const [stringify, parse, encode, decode, turn] = [[], [], [], [], []]
  for (let round = 0; round < 120; round++) {
    stringify.push(timed(() => JSON.stringify(data)))
    encode.push(await holdOf(() => encodeDataToImageAsync(data)))
    parse.push(timed(() => JSON.parse(json)))
    decode.push(await holdOf(() => decodeImageToDataAsync(png)))
    // The event loop wakes up for whatever is awaited; that is no work of ours.
    turn.push(await holdOf(() => randomBytes(1)))
  }
  const [eight, one] = [[], []]
  const best = () => encodeDataToImageAsync(data, { compression: 'best' })
  for (let round = 0; round < 9; round++) {
    one.push(
      await elapsed(async () => {
        for (let call = 0; call < 8; call++) await best()
      }),
    )
    eight.push(await elapsed(() => Promise.all(Array.from({ length: 8 }, best))))
  }
  const held = (times, unit) => (median(times) - median(turn)) / median(unit)
  add(`async holds the main thread, in JSON.stringify, ${name}`, held(encode, stringify), '×', 'at most', 1.2)
  add(`async decode holds the main thread, in JSON.parse, ${name}`, held(decode, parse), '×')
  const times = median(one) / median(eight)
  add(`eight async calls at once, times faster than one after the other, ${name}`, times, '×')
}
report('image', rows)

function timed(run) {
  collectGarbage()
  const start = process.hrtime.bigint()
  run()
  return Number(process.hrtime.bigint() - start)
}

/** The time of the call itself, and of what it does on the main thread when the pool is done. */
async function holdOf(start) {
  collectGarbage()
  const before = performance.eventLoopUtilization()
  await start()
  return performance.eventLoopUtilization(before).active * 1e6
}

async function elapsed(work) {
  const start = process.hrtime.bigint()
  await work()
  return Number(process.hrtime.bigint() - start)
}
