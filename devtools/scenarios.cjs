'use strict'

/**
 * What happens at the edges of a process: each scenario runs in a process of its own, on any
 * runtime (`node scenarios.cjs NAME`), and that process must end by itself.
 *
 * A scenario is a function, or an object with the function `run` and what the process must do: exit
 * with `code` (default 0), run with the V8 `flags`, print `stderr`. `only` names the runtimes that
 * have what it needs.
 */

const assert = require('node:assert/strict')
const { AsyncLocalStorage, createHook, executionAsyncId } = require('node:async_hooks')
const { once } = require('node:events')
const { readdirSync, readFileSync } = require('node:fs')
const http = require('node:http')
const { isMainThread, parentPort } = require('node:worker_threads')
const { exitOf, run, sleep, startWorker, until } = require('./scenario-process.cjs')

/** The names of the scenarios need no add-on. */
const texample = isMainThread && require.main !== module ? undefined : require('../js/index.cjs')
const { start } = texample ?? {}

function block(ms) {
  const end = performance.now() + ms
  while (performance.now() < end);
}

function collectGarbage() {
  if (globalThis.gc) globalThis.gc()
  else globalThis.Bun.gc(true)
}

/** Threads of ours in this process; none on a system that does not show them. */
function threads() {
  if (process.platform !== 'linux') return 0
  return readdirSync('/proc/self/task').filter((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, 'utf8').startsWith('texample')
    } catch {
      return false // it ended meanwhile
    }
  }).length
}

const allGone = () => until(() => threads() === 0)

/** `body` sees `texample`, `start` and `parentPort` alone. */
const worker = (body) => startWorker(__filename, body)

/** Four producers blocked on full queues, and one that is flat out while JavaScript hangs. */
function blockedProducers() {
  for (let i = 0; i < 4; i++) start(() => {}, { interval: 0, capacity: 8 })
  start(() => {}, { interval: 0, overflow: 'drop-oldest', capacity: 8 })
  start(() => {}, { interval: 60_000 })
  parentPort.postMessage('up')
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
}

async function terminateBlocked(rounds) {
  for (let i = 0; i < rounds; i++) {
    const made = await worker(blockedProducers)
    await made.terminate()
  }
  await allGone()
}

const scenarios = {
  'an empty script is the control': () => {},

  'a ticker keeps the process alive until it is done': () => {
    let ticks = 0
    start(() => ticks++, { interval: 5, count: 10 })
    process.on('exit', () => assert.equal(ticks, 10))
  },

  'the original two lines keep ticking until stopped': () => {
    texample.callback = function (i) {
      assert.equal(this, texample)
      if (i === 3) ticker.stop()
    }
    const ticker = texample.start({ interval: 1 })
  },

  "an unref'd ticker lets the process go": () => {
    start(() => {}, { interval: 10_000 }).unref()
  },

  "an unref'd ticker flat out lets the process go": () => {
    start(() => {}, { interval: 0 }).unref()
    setTimeout(() => {}, 100)
  },

  "a ticker unref'd inside its callback lets the process go": () => {
    const ticker = start((i) => i === 1000 && ticker.unref(), { interval: 0 })
  },

  "a ticker that is ref'd again keeps the process": () => {
    let ticks = 0
    start(() => ticks++, { interval: 5, count: 5 })
      .unref()
      .ref()
    process.on('exit', () => assert.equal(ticks, 5))
  },

  "an unref'd ticker flat out delivers beside an idle server": async () => {
    const server = http.createServer(() => {})
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    let longest = 0
    let latest = performance.now()
    let ticks = 0
    const begin = performance.now()
    await new Promise((resolve) => {
      const ticker = start(
        () => {
          ticks++
          const now = performance.now()
          longest = Math.max(longest, now - latest)
          latest = now
          if (now - begin > 500) {
            ticker.stop()
            resolve()
          }
        },
        { interval: 0 },
      ).unref()
    })
    server.close()
    assert.ok(longest < 300, `${longest} ms without a tick`)
    assert.ok(ticks > 10_000, `${ticks} ticks`)
  },

  "an unref'd ticker that throws goes on beside an idle server": async () => {
    const server = http.createServer(() => {})
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    process.on('uncaughtException', () => {})
    let next = 0
    const ticker = start(
      (i) => {
        assert.equal(i, next++)
        if (i === 3000) {
          ticker.stop()
          server.close()
        }
        throw new Error('each')
      },
      { interval: 0 },
    ).unref()
  },

  'the process exits while threads post': () => {
    for (let i = 0; i < 4; i++) start(() => {}, { interval: 0 })
    start(() => {}, { interval: 0, overflow: 'latest' })
    setTimeout(() => process.exit(), 20)
  },

  'the process exits inside a callback': () => {
    start((i) => i === 1000 && process.exit(), { interval: 0 })
  },

  'blocked JavaScript costs no memory under any policy': async () => {
    for (const overflow of ['block', 'drop-oldest', 'drop-newest', 'latest']) {
      const before = process.memoryUsage().rss
      const ticker = start(() => {}, { interval: 0, capacity: 65_536, overflow })
      // Not a busy loop: that would allocate, and the young generation grow.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
      const grown = (process.memoryUsage().rss - before) / 2 ** 20
      ticker.stop()
      await ticker.done
      assert.ok(grown <= 10, `${overflow}: ${grown} MB more`)
    }
  },

  'a callback that throws ends the process with its stack': {
    code: 1,
    stderr: /error: mine\s+at throwsHere/i,
    run: () => {
      start(
        function throwsHere() {
          throw new Error('mine')
        },
        { interval: 1 },
      )
    },
  },

  'a handled throw in a chunk loses no tick': () => {
    let next = 0
    let thrown = 0
    process.on('uncaughtException', (error) => {
      assert.equal(error.message, `tick ${next - 1}`)
      thrown++
    })
    start(
      (i) => {
        assert.equal(i, next++)
        if (i % 100 === 50) throw new Error(`tick ${i}`)
      },
      { interval: 0, count: 10_000 },
    )
    process.on('exit', () => assert.deepEqual([next, thrown], [10_000, 100]))
  },

  'AsyncLocalStorage of start() is there in every callback': async () => {
    const storage = new AsyncLocalStorage()
    const seen = new Set()
    const tickers = ['a', 'b'].map((name) =>
      storage.run(name, () =>
        start(
          () => {
            assert.equal(storage.getStore(), name)
            seen.add(name)
            queueMicrotask(() => assert.equal(storage.getStore(), name))
            process.nextTick(() => assert.equal(storage.getStore(), name))
          },
          { interval: 0, count: 20_000 },
        ),
      ),
    )
    await storage.run('outside', () => Promise.all(tickers.map(({ done }) => done)))
    assert.deepEqual([...seen].sort(), ['a', 'b'])
  },

  'AsyncLocalStorage is kept after a throw, in batch and iterator': async () => {
    const storage = new AsyncLocalStorage()
    process.on('uncaughtException', () => {})
    await storage.run('mine', async () => {
      await start(
        () => {
          assert.equal(storage.getStore(), 'mine')
          throw new Error('each')
        },
        { interval: 0, count: 50 },
      ).done
      await start(() => assert.equal(storage.getStore(), 'mine'), { interval: 0, count: 50, batch: true }).done
      for await (const _ of texample.ticks({ interval: 0, count: 50 })) assert.equal(storage.getStore(), 'mine')
    })
  },

  'async_hooks see one resource for each ticker': {
    only: ['node'],
    run: async () => {
      const events = []
      const ids = new Set()
      const hook = createHook({
        init: (id, type) => type === 'TexampleTicker' && ids.add(id) && events.push('init'),
        destroy: (id) => ids.has(id) && events.push('destroy'),
      }).enable()
      const ticker = start(() => assert.ok(ids.has(executionAsyncId())), { interval: 0, count: 10 })
      await ticker.done
      await sleep(5)
      hook.disable()
      assert.deepEqual(events, ['init', 'destroy'])
    },
  },

  'a collected Ticker ticks on until it is aborted': {
    flags: ['--expose-gc'],
    run: async () => {
      const collected = { yes: false }
      const registry = new FinalizationRegistry(() => {
        collected.yes = true
      })
      const controller = new AbortController()
      let ticks = 0
      ;(() => registry.register(start(() => ticks++, { interval: 1, signal: controller.signal })))()
      await until(() => {
        collectGarbage()
        return collected.yes
      })
      const before = ticks
      while (ticks < before + 5) await sleep(1)
      if (process.platform === 'linux') assert.equal(threads(), 1)
      controller.abort()
      await allGone()
    },
  },

  'garbage collection at every turn disturbs nothing': {
    flags: ['--expose-gc'],
    run: async () => {
      let next = 0
      const ticker = start(
        (i) => {
          assert.equal(i, next++)
          if (i % 50 === 0) collectGarbage()
        },
        { interval: 0, count: 2000 },
      )
      await ticker.done
      assert.equal(next, 2000)
    },
  },

  'two copies of the add-on tick in two threads': async () => {
    const made = await worker(() => {
      const ticker = start((i) => i === 500 && parentPort.postMessage('ticked'), { interval: 0.1 })
      parentPort.once('message', () => ticker.stop())
      parentPort.postMessage('up')
    })
    const ended = exitOf(made)
    const ticked = once(made, 'message')
    const own = start(() => {}, { interval: 0, count: 100_000 })
    await Promise.all([ticked, own.done])
    made.postMessage('enough')
    assert.equal(await ended, 0)
    await allGone()
  },

  'a worker that is done ends by itself': async () => {
    const made = await worker(() => {
      start(() => {}, { interval: 1, count: 20 })
      parentPort.postMessage('up')
    })
    assert.equal(await exitOf(made), 0)
    await allGone()
  },

  "process.exit() in a worker's callback ends that worker alone": async () => {
    for (let i = 0; i < 10; i++) {
      const made = await worker(() => {
        start(() => {}, { interval: 0, capacity: 4 })
        start((k) => k === 100 && process.exit(7), { interval: 0 })
        parentPort.postMessage('up')
      })
      assert.equal(await exitOf(made), 7)
    }
    await allGone()
  },

  "a throw in a worker's callback is that worker's error": async () => {
    const made = await worker(() => {
      // Not before 'up' has arrived: errors and messages travel on separate channels.
      let throws = false
      parentPort.once('message', () => {
        throws = true
      })
      start(
        () => {
          if (throws) throw new Error('in the worker')
        },
        { interval: 0 },
      )
      parentPort.postMessage('up')
    })
    const failed = once(made, 'error')
    made.postMessage('throw')
    const [error] = await failed
    assert.equal(error.message, 'in the worker')
    await allGone()
  },

  'a worker is terminated while it delivers flat out': async () => {
    for (let i = 0; i < 20; i++) {
      const made = await worker(() => {
        start(() => {}, { interval: 0 })
        start(() => {}, { interval: 0, batch: true })
        parentPort.postMessage('up')
      })
      await sleep(i % 4)
      await made.terminate()
    }
    await allGone()
  },

  'a worker is terminated while four producers are blocked': () => terminateBlocked(20),

  'a thousand workers are terminated, four producers blocked': {
    long: true,
    run: () => terminateBlocked(1000),
  },

  'a forked child ticks and ends': async () => {
    const { fork } = require('node:child_process')
    const child = fork(__filename, ['a ticker keeps the process alive until it is done'])
    assert.equal(await exitOf(child), 0)
  },

  'cluster workers tick and disconnect': {
    only: ['node', 'bun'],
    run: async () => {
      const cluster = require('node:cluster')
      if (cluster.isPrimary) {
        const workers = [cluster.fork(), cluster.fork()]
        const codes = workers.map(exitOf)
        assert.deepEqual(await Promise.all(codes), [0, 0])
      } else {
        start(() => {}, { interval: 1, count: 20 }).done.then(() => cluster.worker.disconnect())
      }
    },
  },

  'the end of the process stops and joins every ticker': () => {
    start(() => {}, { interval: 60_000 }).unref()
    start(() => {}, { interval: 0, capacity: 1 }).unref()
    block(10)
  },
}

module.exports = { scenarios }

run(module, scenarios, { texample, start })
