/**
 * The bridge beside every other way from a thread into JavaScript.
 *
 * `npm run bench -- bridge`: all of it, some three minutes. `npm run bench -- bridge -- rate wake`:
 * parts. Ratios are of medians of interleaved runs of one process; BENCH_JSON names a file for the
 * numbers.
 */

import { spawnSync } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import v8 from 'node:v8'
import vm from 'node:vm'
import { Worker } from 'node:worker_threads'
import { start } from '../js/index.mjs'
import { main, must, root } from '../scripts/command.mjs'

v8.setFlagsFromString('--expose-gc')
const gc = vm.runInNewContext('gc')

const parts = { rate, wake, ask, alive, memory, interval, cycles, exit }
/**
 * @type {{ what: string, value: number, unit: string, ratio?: number, goal: string, met: boolean
 * }[]}
 */
const results = []
let peers
/** Callbacks add to it, so that they do something. */
let sum = 0

await main(async () => {
  const words = process.argv.slice(2)
  peers = await buildPeers()
  for (const [name, part] of Object.entries(parts)) {
    if (words.length === 0 || words.includes(name)) {
      await part()
      console.log()
    }
  }
  const missed = results.filter(({ met }) => !met)
  console.log(missed.length === 0 ? 'Every goal is met.' : `Missed: ${missed.map(({ what }) => what).join('; ')}`)
  if (process.env.BENCH_JSON) {
    writeFileSync(process.env.BENCH_JSON, results.map((result) => `${JSON.stringify(result)}\n`).join(''), {
      flag: 'a',
    })
  }
  process.exit(Number.isNaN(sum) ? 1 : 0)
})

async function buildPeers() {
  await must('cargo', ['build', '--release', '--quiet', '--package', 'texample-bench-peers'])
  const prefix = process.platform === 'win32' ? '' : 'lib'
  const extension = { win32: 'dll', darwin: 'dylib' }[process.platform] ?? 'so'
  const file = path.join(root, 'target/release/texample_bench_peers.node')
  copyFileSync(path.join(root, `target/release/${prefix}texample_bench_peers.${extension}`), file)
  return createRequire(import.meta.url)(file)
}

function report(what, value, unit, goal, met, ratio) {
  results.push({ what, value, unit, ratio, goal, met })
  const times = ratio === undefined ? '' : `${ratio.toFixed(2)}×`
  console.log(
    `${what.padEnd(52)} ${format(value).padStart(9)} ${unit.padEnd(8)} ${times.padStart(8)}  ${met ? ' ' : '!'} ${goal}`,
  )
}

function format(value) {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

function median(values) {
  return percentile(values, 0.5)
}

function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
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
  const add = (batch) => {
    for (let i = 0; i < batch.length; i++) sum += batch[i]
    return batch.length
  }
  const samples = await interleaved(7, {
    'start, capacity 65536': ticked({ capacity: 65_536 }, 10_000_000),
    'start, capacity 1024': ticked({}, 10_000_000),
    'start, batch': ticked({ capacity: 65_536, batch: true }, 20_000_000, add),
    'threadsafe function, a call per message': () =>
      measured(
        () =>
          new Promise((resolve) => {
            let seen = 0
            peers.tsfnFlood(() => ++seen === 400_000 && resolve(seen), 400_000)
          }),
      ),
    'worker, postMessage(int)': fromWorker(
      "for (let i = 0; i < 300000; i++) parentPort.postMessage(i)\nparentPort.postMessage('end')",
      () => 1,
    ),
    'worker, transferred batches of 1000': fromWorker(
      `for (let b = 0; b < 5000; b++) {
        const batch = new Float64Array(1000)
        for (let i = 0; i < 1000; i++) batch[i] = b * 1000 + i
        parentPort.postMessage(batch, [batch.buffer])
      }
      parentPort.postMessage('end')`,
      add,
    ),
    'worker, SharedArrayBuffer and Atomics.waitAsync': sharedMemory,
    setInterval: () =>
      measured(async () => {
        let seen = 0
        const interval = setInterval(() => seen++, 1)
        await sleep(200)
        clearInterval(interval)
        return seen
      }),
  })
  const rates = Object.fromEntries(
    Object.entries(samples).map(([name, runs]) => [name, median(runs.map((run) => run.rate))]),
  )
  const ours = rates['start, capacity 65536']
  console.log('flat out'.padEnd(52), ' M msg/s'.padStart(9), 'µs CPU'.padStart(9), 'ours is'.padStart(8))
  for (const [name, runs] of Object.entries(samples)) {
    const cpu = median(runs.map((run) => run.cpu))
    console.log(
      `${name.padEnd(52)} ${format(rates[name] / 1e6).padStart(9)} ${format(cpu).padStart(9)} ${(ours / rates[name]).toFixed(2).padStart(7)}×`,
    )
  }
  const against = (what, name, least) => {
    const ratio = ours / rates[name]
    report(what, ours / 1e6, 'M/s', `at least ${least}`, ratio >= least, ratio)
  }
  against('start beside postMessage(int)', 'worker, postMessage(int)', 15)
  against('start beside a threadsafe-function call per message', 'threadsafe function, a call per message', 8)
  const cpu = median(samples['start, capacity 65536'].map((run) => run.cpu))
  report('CPU of a message', cpu, 'µs', 'at most 0.08', cpu <= 0.08)
  const small = rates['start, capacity 1024']
  report('start with the default capacity', small / 1e6, 'M/s', 'at least 0.60', small / ours >= 0.6, small / ours)
  const batch = rates['start, batch'] / rates['worker, transferred batches of 1000']
  report('batches beside transferred batches', rates['start, batch'] / 1e6, 'M/s', 'at least 1', batch >= 1, batch)
}

/**
 * One number in shared memory at a time would be unfair: a ring of 65536, announced once it was
 * empty.
 */
function sharedMemory() {
  const count = 2_000_000
  return measured(
    () =>
      new Promise((resolve, reject) => {
        const shared = new SharedArrayBuffer(8 + 65_536 * 8)
        const marks = new Int32Array(shared, 0, 2) // written, read
        const ring = new Float64Array(shared, 8)
        const worker = new Worker(
          `const { workerData } = require('node:worker_threads')
          const marks = new Int32Array(workerData, 0, 2)
          const ring = new Float64Array(workerData, 8)
          for (let i = 0; i < ${count}; i++) {
            let read
            while (i - (read = Atomics.load(marks, 1)) >= 65536) Atomics.wait(marks, 1, read)
            ring[i & 65535] = i
            if (Atomics.add(marks, 0, 1) === Atomics.load(marks, 1)) Atomics.notify(marks, 0)
          }`,
          { eval: true, workerData: shared },
        )
        worker.on('error', reject)
        let at = 0
        const callback = (i) => {
          sum += i
        }
        const drain = () => {
          const written = Atomics.load(marks, 0)
          for (const end = Math.min(written, at + 8192); at < end; at++) callback(ring[at & 65_535])
          Atomics.store(marks, 1, at)
          Atomics.notify(marks, 1)
          if (at === count) return resolve(worker.terminate().then(() => count))
          if (at < Atomics.load(marks, 0)) return setImmediate(drain)
          const wait = Atomics.waitAsync(marks, 0, at)
          if (wait.async) wait.value.then(drain)
          else setImmediate(drain)
        }
        drain()
      }),
  )
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
    return percentile(late, 0.5) / 1000
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
  console.log(`idle wake-up, p50: threadsafe function ${format(tsfn)} µs, postMessage ${format(posted)} µs`)
  report('wake-up beside a threadsafe-function call', ours, 'µs', 'at most 1.25', ours / tsfn <= 1.25, ours / tsfn)
  report('wake-up beside postMessage', ours, 'µs', 'at most 0.80', ours / posted <= 0.8, ours / posted)
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
    compare(
      `${name}`,
      least,
      answers('askBridge', threads, each, value, 0),
      answers('askChannel', threads, theirEach, value, 0),
    )
    compare(
      `${name}, promises`,
      leastPromise,
      answers('askBridge', threads, each, promise, 0),
      answers('askPromise', threads, theirEach >> 1, promise),
    )
    compare(
      `${name}, 20 µs of work between`,
      1,
      answers('askBridge', threads, theirEach, value, 20),
      answers('askChannel', threads, theirEach, value, 20),
    )
  }
  compare('1000 futures', 1.8, answers('futuresBridge', 1000, 100, value), answers('futuresCall', 1000, 60, value))
  compare(
    '1000 futures, promises',
    6,
    answers('futuresBridge', 1000, 80, promise),
    answers('futuresPromise', 1000, 12, promise),
  )
  const samples = await interleaved(11, ways)
  for (const [what, least] of goals) {
    const [ours, theirs] = ['bridge', 'napi-rs'].map((by) => median(samples[`${what}, ${by}`]))
    const ratio = ours / theirs
    report(`answers: ${what}`, ours / 1000, 'k/s', `at least ${least}`, ratio >= least, ratio)
  }

  const rss = []
  for (let round = 0; round < 4; round++) {
    await seconds('askBridge', round % 2 === 0 ? value : promise, 4, 125_000, 0)
    gc()
    await sleep(50)
    rss.push(megabytes(process.memoryUsage().rss))
  }
  const grown = rss[3] - rss[1]
  report('RSS after a million questions more', grown, 'MB', 'at most 4', grown <= 4)

  const cpu = process.cpuUsage()
  await seconds('askBridge', value, 1, 1000, 0)
  const idle = process.cpuUsage()
  await sleep(1000)
  const { user, system } = process.cpuUsage(idle)
  const busy = (user + system) / 10_000
  report('CPU of an idle second after questions', busy, '%', 'at most 1', busy <= 1 && cpu.user > 0)
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
    const [typical, worst] = [percentile(gaps, 0.999), percentile(gaps, 1)]
    report(`p99.9 between two turns, ${name}`, typical, 'ms', 'at most 5', typical <= 5)
    report(`the longest between two turns, ${name}`, worst, 'ms', 'at most 50', worst <= 50)
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
    const gap = percentile(gaps, 0.999)
    report(`p99.9 between two turns, capacity ${capacity}`, gap, 'ms', 'at most 5', gap <= 5)
    report(
      `a 300 ms timer is late by, capacity ${capacity}`,
      Math.max(...late),
      'ms',
      'at most 10',
      Math.max(...late) <= 10,
    )
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
    report(`RSS, blocked for 2 s, ${overflow}`, grown, 'MB', 'at most 10', grown <= 10)
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
  report('1 ms ticker, drift over 10 s', drift(errors.ticker), 'ms', 'below 1', Math.abs(drift(errors.ticker)) < 1)
  report('setInterval, drift over 10 s', drift(errors.setInterval), 'ms', 'for comparison', true)
  const [ours, theirs] = [percentile(errors.ticker, 0.99), percentile(errors.setInterval, 0.99)]
  report('p99 of the error beside setInterval', ours, 'ms', 'at most 0.02', ours / theirs <= 0.02, ours / theirs)
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
    report(`blocked 50 ms at random, ${overflow}: dropped`, dropped, 'ticks', 'each counted', met && lost === 0)
  }
}

/** Start and stop, and many at once: what stays behind? */
async function cycles() {
  const rss = []
  for (let round = 0; round < 3; round++) {
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
  console.log(`RSS after each round: ${rss.map((value) => value.toFixed(1)).join(', ')} MB`)
  const grown = rss[2] - rss[1]
  report('RSS, third round above the second', grown, 'MB', 'at most 2', grown <= 2)
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
  report('process.exit() while posting, longer than without', more, 'ms', 'at most 50 ms', more <= 50)
}
