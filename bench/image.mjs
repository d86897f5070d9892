/**
 * Data images beside what else makes and reads them: `npm run bench -- image`.
 *
 * Every number is a ratio of medians from one run. `npm run bench -- image -- quick` leaves the
 * slow peers out; `beside=FOLDER` adds another version of the package, which is built there.
 */

import * as crypto from 'node:crypto'
import { appendFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'

import { decodeImageToData, decodeImageToDataAsync, encodeDataToImage, encodeDataToImageAsync } from '../js/index.mjs'
import { decodeByHand, encodeByHand } from './image/by-hand.mjs'
import { collectGarbage, measure, median, table } from './image/measure.mjs'
import { payloads } from './image/payloads.mjs'

const quick = process.argv.includes('quick')
const [only, beside] = ['only=', 'beside='].map((option) =>
  process.argv.find((word) => word.startsWith(option))?.slice(option.length),
)
const other = beside && (await import(pathToFileURL(path.resolve(beside, 'js', 'index.mjs')).href))
const { peers } = quick ? { peers: [] } : await import('./image/peers.mjs')

const randomBytes = promisify(crypto.randomBytes)
const levels = /** @type {const} */ (['auto', 'none', 'fast', 'best'])

/** What must hold of which ratio, at each size. */
const goals = [
  ['auto beside by hand, zlib 1', 'by hand, zlib 1', 'auto', [7, 1.7, 1.7, 1.3, 1.25], 'at least'],
  [
    'auto beside the original code',
    'original code (node-canvas)',
    'auto',
    [12, 4, 6, Number.NaN, Number.NaN],
    'at least',
  ],
  ['none in JSON.stringify', 'none', 'JSON.stringify', [3, 1.9, 1.4, 1.7, 1.5], 'at most'],
  ['best beside by hand, zlib 6', 'by hand, zlib 6', 'best', [Number.NaN, Number.NaN, 1.4, 1.4, 1.4], 'at least'],
  ['decode beside by hand', 'decode by hand', 'decode', [5, Number.NaN, Number.NaN, Number.NaN, 1.3], 'at least'],
  ...(other ? ['default', 'none', 'decode'] : []).map((run) => [
    `${run} beside the other version`,
    run,
    `other ${run}`,
    Array(5).fill(1.05),
    'at most',
  ]),
]

const number = (value) => (Number.isNaN(value) ? '-' : value.toFixed(value < 10 ? 2 : 1))

/** @type {Map<string, Map<string, number>>} */
const times = new Map()
for (const { name, data, json } of payloads) {
  if (only && only !== name) continue
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
const names = [...times.keys()]

print('times, in multiples of JSON.stringify (encode) and of JSON.parse (decode)', (run) => {
  const unit = run.includes('decode') || run === 'JSON.parse' ? 'JSON.parse' : 'JSON.stringify'
  return names.map((size) => number(ratio(size, run, unit)))
})

function print(title, cells) {
  const runs = [...(times.get(names[0])?.keys() ?? [])]
  console.log(`\n${title}\n`)
  console.log(
    table(
      ['', ...names],
      runs.map((run) => [run, ...cells(run)]),
    ),
  )
}

function ratio(size, above, below) {
  const found = times.get(size)
  return (found?.get(above) ?? Number.NaN) / (found?.get(below) ?? Number.NaN)
}

console.log('\nratios, and what they must be\n')
const rows = []
for (const [name, above, below, limits, kind] of goals) {
  const values = names.map((size) => ratio(size, above, below))
  rows.push([name, ...values.map(number)])
  rows.push([
    `  ${kind}`,
    ...names.map((size) => number(limits[payloads.findIndex((payload) => payload.name === size)])),
  ])
}
console.log(table(['', ...names], rows))

// Sizes, beside a PNG of the same JSON in plain UTF-8.
const sizeRows = payloads.map(({ name, data, json }) => {
  const plain = (level) => zlib.deflateSync(filtered(Buffer.from(json)), { level }).length + 57
  const size = (options) => encodeDataToImage(data, options).length
  const auto = size({})
  const percent = (value, of) => `${value} (${((value / of - 1) * 100).toFixed(1)} %)`
  return [
    name,
    String(Buffer.byteLength(json)),
    String(size({ compression: 'none' })),
    percent(auto, plain(1)),
    percent(size({ compression: 'best' }), plain(6)),
    percent(size({ robust: true }), auto),
    percent(size({ robust: true, compression: 'best' }), size({ compression: 'best' })),
  ]
})
console.log(
  '\nsizes in bytes: auto beside zlib level 1 (at most +2 % from 10 KB), best beside level 6 (+3 %), robust beside plain (+3 %)\n',
)
console.log(table(['', 'JSON', 'none', 'auto', 'best', 'robust', 'robust best'], sizeRows))

/** One row is one filter byte before its bytes; that of larger images hardly counts. */
function filtered(bytes) {
  return Buffer.concat([Buffer.from([0]), bytes, Buffer.alloc(5)])
}

// How long the main thread is held by a call of the asynchronous forms.
const held = []
for (const { name, data } of payloads.slice(-2)) {
  if (only && only !== name) continue
  const png = encodeDataToImage(data)
  const [stringify, parse, encode, decode, turn] = [[], [], [], [], []]
  for (let round = 0; round < 120; round++) {
    stringify.push(timed(() => JSON.stringify(data)))
    encode.push(await holdOf(() => encodeDataToImageAsync(data)))
    const json = JSON.stringify(data)
    parse.push(timed(() => JSON.parse(json)))
    decode.push(await holdOf(() => decodeImageToDataAsync(png)))
    // The event loop wakes up for whatever is awaited; that is no work of ours.
    turn.push(await holdOf(() => randomBytes(1)))
  }
  const eight = []
  const one = []
  for (let round = 0; round < 9; round++) {
    one.push(
      await elapsed(async () => {
        for (let call = 0; call < 8; call++) await encodeDataToImageAsync(data, { compression: 'best' })
      }),
    )
    eight.push(
      await elapsed(() =>
        Promise.all(Array.from({ length: 8 }, () => encodeDataToImageAsync(data, { compression: 'best' }))),
      ),
    )
  }
  held.push({
    name,
    encode: (median(encode) - median(turn)) / median(stringify),
    decode: (median(decode) - median(turn)) / median(parse),
    turn: median(turn) / median(stringify),
    eight: median(one) / median(eight),
  })
}
console.log(
  '\nasync: the main thread is held, in JSON.stringify (at most 1.2) and in JSON.parse, less what awaiting any other task of the pool costs;',
)
console.log('that, in JSON.stringify; eight at once, times faster than one after the other\n')
console.log(
  table(
    ['', 'encode', 'decode', 'any task', 'eight at once'],
    held.map(({ name, encode, decode, turn, eight }) => [name, ...[encode, decode, turn, eight].map(number)]),
  ),
)

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

if (process.env.BENCH_JSON) {
  const write = (row) => appendFileSync(process.env.BENCH_JSON, `${JSON.stringify({ bench: 'image', ...row })}\n`)
  for (const [size, found] of times) {
    for (const [run, nanoseconds] of found) write({ what: `${run}, ${size}`, value: nanoseconds / 1000, unit: 'µs' })
  }
  for (const [name, above, below, limits, kind] of goals) {
    for (const size of names) {
      const limit = limits[payloads.findIndex((payload) => payload.name === size)]
      const value = ratio(size, above, below)
      if (Number.isNaN(limit) || Number.isNaN(value)) continue
      const met = kind === 'at least' ? value >= limit : value <= limit
      write({ what: `${name}, ${size}`, value, unit: '×', goal: `${kind} ${limit}`, met })
    }
  }
  for (const { name, encode, eight } of held) {
    const what = `async holds the main thread, in JSON.stringify, ${name}`
    write({ what, value: encode, unit: '×', goal: 'at most 1.2', met: encode <= 1.2 })
    write({
      what: `eight async calls at once, times faster than one after the other, ${name}`,
      value: eight,
      unit: '×',
    })
  }
}
