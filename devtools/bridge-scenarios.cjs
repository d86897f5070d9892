'use strict'

/**
 * What happens at the edges of a process to the bridge of an add-on that is not ours: as
 * scenarios.cjs, for the add-on that BRIDGE_CASES names.
 */

const assert = require('node:assert/strict')
const { isMainThread, parentPort } = require('node:worker_threads')
const { run, sleep, startWorker, until } = require('./scenario-process.cjs')

/**
 * @type {any} Not in the process that starts the scenarios: under a sanitizer it could not load
 * there.
 */
const cases =
  isMainThread && require.main !== module ? undefined : require(/** @type {string} */ (process.env.BRIDGE_CASES))

/** `body` sees `cases` and `parentPort` alone. */
const worker = (body) => startWorker(__filename, body)

/** Workers are terminated while four threads wait for answers: each thread must be told. */
async function terminateAsked(rounds, bodies) {
  for (let i = 0; i < rounds; i++) {
    const made = await worker(bodies[i % bodies.length])
    if (i % 3 === 0) await sleep(i % 5)
    await made.terminate()
  }
  await until(() => cases.closed() + cases.others().length === rounds * 4)
  assert.deepEqual(cases.others(), [])
}

const asked = [
  () => {
    new cases.Numbered(() => 1).askForEver(4)
    parentPort.postMessage('up')
  },
  () => {
    new cases.Numbered(async () => 1).askForEver(4)
    parentPort.postMessage('up')
  },
  () => {
    // A promise that is collected would give Abandoned, not the end of the worker.
    const pending = new Promise(() => {})
    Object.assign(globalThis, { pending })
    new cases.Numbered(() => pending).askForEver(4)
    parentPort.postMessage('up')
  },
]

/** Workers that end themselves, or have to be ended, inside an answer. */
const askedForGood = [
  () => {
    const exit = () => {
      parentPort.postMessage('up')
      process.exit()
    }
    new cases.Numbered(exit).askForEver(4)
  },
  () => {
    const endless = () => {
      parentPort.postMessage('up')
      for (;;);
    }
    new cases.Numbered(endless).askForEver(4)
  },
]

const scenarios = {
  'bridge: messages come to the last one': async () => {
    let next = 0
    const source = new cases.Source({ count: 20_000, each: true, capacity: 64 }, (number) => {
      assert.equal(number, next++)
    })
    await source.done()
    assert.equal(next, 20_000)
  },

  'bridge: a callback is waited for': async () => {
    let running = 0
    const source = new cases.Source({ count: 500, each: true, wait: true, capacity: 64 }, async () => {
      assert.equal(running++, 0)
      await null
      running--
    })
    await source.done()
  },

  'bridge: an error of the thread rejects done': async () => {
    const source = new cases.Source({ count: 10, end: 'coded' }, () => {})
    await assert.rejects(source.done(), { code: 'ERR_DEVICE_GONE' })
  },

  'bridge: an error without done ends the process': {
    code: 1,
    stderr: /the device was unplugged/,
    run: () => void new cases.Source({ count: 10, end: 'coded' }, () => {}),
  },

  "bridge: an unref'd thread in read(2) lets the process go": () => {
    new cases.Reader(() => {}).setRef(false)
  },

  'bridge: a worker ends with threads in read(2)': async () => {
    const made = await worker(() => {
      for (let i = 0; i < 4; i++) new cases.Reader(() => {})
      parentPort.postMessage('up')
    })
    await made.terminate()
    await until(() => cases.interrupted() === 4)
  },

  'bridge: stop frees the event loop with producers in statics': async () => {
    const source = new cases.Source({ leak: true, count: 10 }, () => {})
    const other = cases.Source.open({ leak: true }, () => {})
    await sleep(20)
    source.stop()
    other.stop()
    await Promise.all([source.done(), other.done()])
  },

  'ask: values and promises': async () => {
    for (const callback of [(question) => question, async (question) => question]) {
      const questions = new cases.Numbered(callback)
      const seen = []
      await new Promise((resolve) => {
        questions.ask(4, 500, undefined, (text) => seen.push(text) === 2000 && resolve(undefined))
      })
      questions.release()
      await questions.done()
      assert.equal(new Set(seen).size, 2000)
    }
  },

  'ask: what is thrown is the asker’s error': async () => {
    const questions = new cases.Numbered(() => {
      throw Object.assign(new Error('mine'), { code: 'ERR_MINE' })
    })
    const text = await new Promise((resolve) => questions.ask(1, 1, undefined, resolve))
    assert.equal(text, 'thrown mine ERR_MINE')
    questions.stop()
    await questions.done()
  },

  'ask: stop with four asking threads and one static asker': async () => {
    const questions = new cases.Numbered(() => 1)
    questions.askForEver(4)
    await sleep(20)
    questions.stop()
    await questions.done()
    await until(() => cases.closed() === 4)
  },

  'ask: workers are terminated while four threads wait': () => terminateAsked(20, asked),

  'ask: workers end inside an answer while four threads wait': {
    // Deno runs no cleanup hook of a worker that is terminated in the middle of JavaScript.
    only: ['node', 'bun'],
    run: () => terminateAsked(20, askedForGood),
  },

  'ask: a thousand workers end while four threads wait': {
    long: true,
    run: () => terminateAsked(1000, asked),
  },

  'ask: the end of a worker joins a thread that waits': async () => {
    const made = await worker(() => {
      let asked = 0
      cases.crossed((question) => {
        if (asked++ === 0) parentPort.postMessage('up')
        return question
      })
      setTimeout(() => {}, 100_000)
    })
    await made.terminate()
  },
}

module.exports = { scenarios }

run(module, scenarios, { cases })
