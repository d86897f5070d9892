/**
 * The bridge beside every other way from a thread into JavaScript.
 *
 * `npm run bench -- bridge`: all of it, some three minutes. `npm run bench -- bridge -- rate wake`:
 * parts. Ratios are of medians of interleaved runs of one process; BENCH_JSON names a file for the
 * numbers.
 */

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import v8 from 'node:v8'
import vm from 'node:vm'
import { Worker } from 'node:worker_threads'
import { buildAddon } from '../devtools/addon.mjs'
import { start } from '../js/index.mjs'
import { chosen, main, root } from '../scripts/command.mjs'
import { median, quantile, report } from './report.mjs'

v8.setFlagsFromString('--expose-gc')
const gc = vm.runInNewContext('gc')

const parts = { rate, wake, ask, alive, memory, interval, cycles, exit }
/** @type {import('./report.mjs').Row[]} Those of the part that runs. */
let rows = []
let peers
/** Callbacks add to it, so that they do something. */
let sum = 0

await main(async () => {
  const names = chosen('part', process.argv.slice(2), Object.keys(parts))
  peers = createRequire(import.meta.url)(await buildAddon('texample-bench-peers', { args: ['--release'] }))
  const missed = []
  for (const name of names) {
    rows = []
    await parts[name]()
    report('bridge', rows)
    missed.push(...rows.filter(({ met }) => met === false).map(({ what }) => what))
  }
  console.log(missed.length === 0 ? 'Every goal is met.' : `Missed: ${missed.join('; ')}`)
  process.exit(Number.isNaN(sum) ? 1 : 0)
})

function add(what, value, unit, goal, met, ratio) {
  rows.push({ what, value, unit, ratio, goal, met })
}

/**
 * Runs each of `ways` once a round, so that whatever else the machine does falls on all of them.
 */
async function interleaved(rounds, ways) {
  const samples = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, way] of Object.entries(ways)) {
      gc()
      samples[name].push(await way())
    }
  }
  return samples
}

/** Messages a second, and microseconds of CPU (of all threads) a message. */
async function measured(run) {
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const count = await run()
  const seconds = (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { rate: count / seconds, cpu: (user + system) / count }
}

function fromWorker(source, each) {
  return () =>
    measured(
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(`const { parentPort } = require('node:worker_threads')\n${source}`, { eval: true })
          let count = 0
          worker.on('error', reject)
          worker.on('message', (message) => {
            if (message === 'end') resolve(worker.terminate().then(() => count))
            else count += each(message)
          })
        }),
    )
}

async function rate() {
  const ticked = (options, count, each) => () =>
    measured(async () => {
      let seen = 0
      await start(each ? (batch) => (seen += each(batch)) : () => seen++, { interval: 0, count, ...options }).done
      return seen
    })
  const sumUp = (batch) => {
    for (let i = 0; i < batch.length; i++) sum += batch[i]
    return batch.length
  }
  const samples = await interleaved(7, {
    ours: ticked({ capacity: 65_536 }, 10_000_000),
    small: ticked({}, 10_000_000),
    batches: ticked({ capacity: 65_536, batch: true }, 20_000_000, sumUp),
    tsfn: () =>
      measured(
        () =>
          new Promise((resolve) => {
            let seen = 0
            peers.tsfnFlood(() => ++seen === 400_000 && resolve(seen), 400_000)
          }),
      ),
    posted: fromWorker(
      "for (let i = 0; i < 300000; i++) parentPort.postMessage(i)\nparentPort.postMessage('end')",
      () => 1,
    ),
    transferred: fromWorker(
      `for (let b = 0; b < 5000; b++) {
        const batch = new Float64Array(1000)
        for (let i = 0; i < 1000; i++) batch[i] = b * 1000 + i
        parentPort.postMessage(batch, [batch.buffer])
      }
      parentPort.postMessage('end')`,
      sumUp,
    ),
  })
  const against = (what, way, peer, least, goal = `at least ${least}`) => {
    const [ours, theirs] = [way, peer].map((name) => median(samples[name].map((run) => run.rate)))
    add(what, ours / 1e6, 'M/s', goal, ours / theirs >= least, ours / theirs)
  }
  against('start beside postMessage(int)', 'ours', 'posted', 15)
  against('start beside a threadsafe-function call per message', 'ours', 'tsfn', 8)
  const cpu = median(samples.ours.map((run) => run.cpu))
  add('CPU of a message', cpu, 'µs', 'at most 0.08', cpu <= 0.08)
  against('start with the default capacity', 'small', 'ours', 0.6, 'at least 0.60')
  against('batches beside transferred batches', 'batches', 'transferred', 1)
}

/**
 * From the moment of posting to the callback, when nothing else goes on: each way has a call with
 * one number for each message.
 */
async function wake() {
  const count = 150
  const late = []
  const each = (stamp) => late.push(Number(process.hrtime.bigint()) - stamp)
  const collect = (run) => async () => {
    late.length = 0
    run()
    while (late.length < count) await sleep(20)
    return quantile(late, 0.5) / 1000
  }
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
    const cell = new Int32Array(new SharedArrayBuffer(4))
    parentPort.on('message', (count) => {
      for (let i = 0; i < count; i++) {
        Atomics.wait(cell, 0, 0, 2)
        parentPort.postMessage(Number(process.hrtime.bigint()))
      }
    })`,
    { eval: true },
  )
  worker.on('message', each)
  const samples = await interleaved(15, {
    bridge: collect(() => peers.bridgeStamps(each, count, 2)),
    tsfn: collect(() => peers.tsfnStamps(each, count, 2)),
    postMessage: collect(() => worker.postMessage(count)),
  })
  await worker.terminate()
  const [ours, tsfn, posted] = ['bridge', 'tsfn', 'postMessage'].map((name) => median(samples[name]))
  add('wake-up beside a threadsafe-function call', ours, 'µs', 'at most 1.25', ours / tsfn <= 1.25, ours / tsfn)
  add('wake-up beside postMessage', ours, 'µs', 'at most 0.80', ours / posted <= 0.8, ours / posted)
}

/**
 * The gaps between turns of the event loop, from now until the function that this returns is
 * called.
 */
function turns() {
  const gaps = []
  let latest = performance.now()
  const next = () => {
    const now = performance.now()
    gaps.push(now - latest)
    latest = now
    immediate = setImmediate(next)
  }
  let immediate = setImmediate(next)
  return () => {
    clearImmediate(immediate)
    return gaps
  }
}

/** Threads and futures ask, JavaScript answers: beside napi-rs's own ways, in the same run. */
async function ask() {
  const value = (question) => question
  const promise = async (question) => question
  const seconds = (name, ...args) => new Promise((resolve) => peers[name](...args, resolve))
  const answers = (name, askers, each, callback, ...more) => {
    return async () => (askers * each) / (await seconds(name, callback, askers, each, ...more))
  }
  const ways = {}
  const goals = []
  /** Each way asks for as long as the machine needs to tell: some 0.1 s. */
  const compare = (what, goal, ours, theirs) => {
    ways[`${what}, bridge`] = ours
    ways[`${what}, napi-rs`] = theirs
    goals.push([what, goal])
  }
  for (const [threads, each, theirEach, least, leastPromise] of [
    [1, 40_000, 3000, 10, 10],
    [4, 8000, 5000, 1.2, 2],
    [16, 2000, 1500, 1, 2],
  ]) {
    const name = `${threads} thread${threads > 1 ? 's' : ''}`
    const by = (way, each, callback, ...more) => answers(way, threads, each, callback, ...more)
    compare(name, least, by('askBridge', each, value, 0), by('askChannel', theirEach, value, 0))
    const theirPromises = by('askPromise', theirEach >> 1, promise)
    compare(`${name}, promises`, leastPromise, by('askBridge', each, promise, 0), theirPromises)
    const [ours, theirs] = ['askBridge', 'askChannel'].map((way) => by(way, theirEach, value, 20))
    compare(`${name}, 20 µs of work between`, 1, ours, theirs)
  }
  compare('1000 futures', 1.8, answers('futuresBridge', 1000, 100, value), answers('futuresCall', 1000, 60, value))
  const ourPromises = answers('futuresBridge', 1000, 80, promise)
  compare('1000 futures, promises', 6, ourPromises, answers('futuresPromise', 1000, 12, promise))
  const samples = await interleaved(11, ways)
  for (const [what, least] of goals) {
    const [ours, theirs] = ['bridge', 'napi-rs'].map((by) => median(samples[`${what}, ${by}`]))
    const ratio = ours / theirs
    add(`answers: ${what}`, ours / 1000, 'k/s', `at least ${least}`, ratio >= least, ratio)
  }

  const rss = []
  for (let round = 0; round < 4; round++) {
    await seconds('askBridge', round % 2 === 0 ? value : promise, 4, 125_000, 0)
    gc()
    await sleep(50)
    rss.push(megabytes(process.memoryUsage().rss))
  }
  const grown = rss[3] - rss[1]
  add('RSS after a million questions more', grown, 'MB', 'at most 4', grown <= 4)

  const cpu = process.cpuUsage()
  await seconds('askBridge', value, 1, 1000, 0)
  const idle = process.cpuUsage()
  await sleep(1000)
  const { user, system } = process.cpuUsage(idle)
  const busy = (user + system) / 10_000
  add('CPU of an idle second after questions', busy, '%', 'at most 1', busy <= 1 && cpu.user > 0)
}

/** Flat out for three seconds: does the event loop still turn? */
async function alive() {
  const slow = () => block(0.1)
  for (const [name, callback] of [
    ['sync callbacks', () => {}],
    ['async callbacks', async () => {}],
    ['callbacks of 0.1 ms', slow],
    ['0.1 ms of microtasks', () => Promise.resolve().then(slow)],
  ]) {
    const flood = new peers.Flood(callback)
    const stop = turns()
    await sleep(1500)
    const gaps = stop()
    await flood.stop()
    const [typical, worst] = [quantile(gaps, 0.999), quantile(gaps, 1)]
    add(`p99.9 between two turns, ${name}`, typical, 'ms', 'at most 5', typical <= 5)
    add(`the longest between two turns, ${name}`, worst, 'ms', 'at most 50', worst <= 50)
  }

  for (const capacity of [1024, 65_536]) {
    const ticker = start(() => {}, { interval: 0, capacity })
    const stop = turns()
    const late = []
    for (let i = 0; i < 10; i++) {
      const begin = performance.now()
      await sleep(300)
      late.push(performance.now() - begin - 300)
    }
    const gaps = stop()
    ticker.stop()
    await ticker.done
    const gap = quantile(gaps, 0.999)
    add(`p99.9 between two turns, capacity ${capacity}`, gap, 'ms', 'at most 5', gap <= 5)
    const latest = Math.max(...late)
    add(`a 300 ms timer is late by, capacity ${capacity}`, latest, 'ms', 'at most 10', latest <= 10)
  }
}

function megabytes(bytes) {
  return bytes / 2 ** 20
}

function block(ms) {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** JavaScript blocked for two seconds under a flat-out producer. */
async function memory() {
  for (const overflow of ['block', 'drop-oldest', 'drop-newest', 'latest']) {
    gc()
    await turn()
    const before = process.memoryUsage().rss
    const ticker = start(() => {}, { interval: 0, capacity: 65_536, overflow })
    block(2000)
    const grown = megabytes(process.memoryUsage().rss - before)
    ticker.stop()
    await ticker.done
    add(`RSS, blocked for 2 s, ${overflow}`, grown, 'MB', 'at most 10', grown <= 10)
  }
}

/** A tick a millisecond for ten seconds, beside setInterval. */
async function interval() {
  const errors = { ticker: [], setInterval: [] }
  const begin = performance.now()
  const ticker = start((i) => errors.ticker.push(performance.now() - begin - i - 1), { interval: 1, count: 10_000 })
  await ticker.done
  let i = 0
  const second = performance.now()
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      errors.setInterval.push(performance.now() - second - ++i)
      if (i === 10_000) {
        clearInterval(timer)
        resolve()
      }
    }, 1)
  })
  const drift = (list) => median(list.slice(-200)) - median(list.slice(0, 200))
  add('1 ms ticker, drift over 10 s', drift(errors.ticker), 'ms', 'below 1', Math.abs(drift(errors.ticker)) < 1)
  add('setInterval, drift over 10 s', drift(errors.setInterval), 'ms')
  const [ours, theirs] = [quantile(errors.ticker, 0.99), quantile(errors.setInterval, 0.99)]
  add('p99 of the error beside setInterval', ours, 'ms', 'at most 0.02', ours / theirs <= 0.02, ours / theirs)
  for (const overflow of ['block', 'drop-oldest', 'drop-newest', 'latest']) {
    let seen = 0
    const blocked = start(() => seen++, { interval: 1, count: 2000, capacity: 16, overflow })
    const blocking = setInterval(() => Math.random() < 0.05 && block(50), 5)
    await blocked.done
    clearInterval(blocking)
    const { posted, delivered, dropped, queued } = blocked.stats()
    const exact = posted === 2000 && seen === delivered && posted === delivered + dropped + queued
    const lost = posted - delivered - dropped - queued
    const met = exact && (overflow !== 'block' || dropped === 0)
    add(`blocked 50 ms at random, ${overflow}: dropped`, dropped, 'ticks', 'each counted', met && lost === 0)
  }
}

/** Start and stop, and many at once: what stays behind? */
async function cycles() {
  const rss = []
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 5000; i++) {
      const ticker = start(() => {}, { interval: 1 })
      ticker.stop()
      if (i % 100 === 99) await ticker.done
    }
    const many = Array.from({ length: 500 }, () => start(() => {}, { interval: 1, count: 20 }))
    await Promise.all(many.map(({ done }) => done))
    for (let i = 0; i < 5; i++) {
      gc()
      await sleep(20)
    }
    rss.push(megabytes(process.memoryUsage().rss))
  }
  // The first round warms up.
  const grown = median(rss.slice(2).map((value, i) => value - rss[i + 1]))
  add('RSS, a round above the one before', grown, 'MB', 'at most 2', grown <= 2)
}

/** A process that ends in the middle of a flood, beside one that does the same without a ticker. */
async function exit() {
  const library = JSON.stringify(path.join(root, 'js/index.cjs'))
  const script = (flood) => () => {
    const source = `const { start } = require(${library})
      ${flood ? 'start(() => {}, { interval: 0 })' : ''}
      setTimeout(() => process.exit(), 20)`
    const begin = performance.now()
    const { status, signal } = spawnSync(process.execPath, ['-e', source])
    if (status !== 0) throw new Error(`it ended with ${status ?? signal}, not 0`)
    return performance.now() - begin
  }
  const { quiet, posting } = await interleaved(15, { quiet: script(false), posting: script(true) })
  const more = median(posting) - median(quiet)
  add('process.exit() while posting, longer than without', more, 'ms', 'at most 50 ms', more <= 50)
}
