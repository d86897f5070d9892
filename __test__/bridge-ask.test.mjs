/** Native threads ask and JavaScript answers, as authors of add-ons use it. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { cases, script } from './support/bridge-cases.mjs'
import { block, collectUncaught, measureTurns } from './support/threads.mjs'

/** The texts of all answers that threads (or futures) get from `callback`. */
function answers(callback, { threads = 1, count = 1, timeout, capacity, futures } = {}) {
  const questions = new cases.Numbered(callback, capacity)
  return new Promise((resolve) => {
    const seen = []
    const report = (text) => {
      seen.push(text)
      if (seen.length < (futures ?? threads * count)) return
      questions.release()
      questions.done().then(() => resolve({ seen, stats: questions.stats() }))
    }
    if (futures === undefined) questions.ask(threads, count, timeout, report)
    else questions.askAsync(futures, report)
  })
}

const numbers = (count) => Array.from({ length: count }, (_, i) => String(i + 0.5))
const sorted = (texts) => texts.map(Number).sort((a, b) => a - b)

for (const [name, callback] of [
  ['a value', (question) => question + 0.5],
  ['a promise', async (question) => question + 0.5],
  ['a promise that takes a turn', (question) => new Promise((resolve) => setImmediate(resolve, question + 0.5))],
  // biome-ignore lint/suspicious/noThenProperty: that is what is tested
  ['anything with a then', (question) => ({ then: (resolve) => resolve(question + 0.5) })],
]) {
  it(`one thread gets its answers: ${name}`, async () => {
    const { seen, stats } = await answers(callback, { count: 500 })
    assert.deepEqual(seen, numbers(500))
    assert.deepEqual(stats, [500, 500, 0, 0, 0])
  })

  it(`eight threads get each its own answers: ${name}`, async () => {
    const { seen, stats } = await answers(callback, { threads: 8, count: 100, capacity: 4 })
    assert.deepEqual(sorted(seen), sorted(numbers(800)))
    assert.deepEqual(stats, [800, 800, 0, 0, 0])
  })

  it(`futures get their answers, more than there is room: ${name}`, async () => {
    const { seen } = await answers(callback, { futures: 1000, capacity: 16 })
    assert.deepEqual(sorted(seen), sorted(numbers(1000)))
  })
}

it('what the callback throws reaches its asker alone', () =>
  collectUncaught(async (uncaught) => {
    for (const callback of [
      (question) => {
        if (question % 3 === 1) throw Object.assign(new Error(`not ${question}`), { code: 'ERR_MINE' })
        return question
      },
      async (question) => {
        if (question % 3 === 1) throw Object.assign(new Error(`not ${question}`), { code: 'ERR_MINE' })
        return question
      },
    ]) {
      const { seen, stats } = await answers(callback, { count: 6 })
      assert.deepEqual(seen, ['0', 'thrown not 1 ERR_MINE', '2', '3', 'thrown not 4 ERR_MINE', '5'])
      assert.deepEqual(stats, [6, 4, 2, 0, 0])
    }
    assert.deepEqual(uncaught, [])
  }))

it('what is thrown need not be an error', async () => {
  const hostile = {
    get message() {
      throw new Error('no')
    },
    toString() {
      throw new Error('never')
    },
  }
  const values = ['text', undefined, null, 7, Symbol.iterator, { code: 5 }, hostile]
  const { seen } = await answers(
    (question) => {
      throw values[question]
    },
    { count: values.length },
  )
  const nothing = 'thrown a value without a text was thrown '
  assert.deepEqual(seen, [
    ...['thrown text ', 'thrown undefined ', 'thrown null ', 'thrown 7 ', nothing, 'thrown [object Object] 5', nothing],
  ])
})

it('an answer of another type is a conversion error', async () => {
  const { seen, stats } = await answers((question) => ['text', null, {}][question], { count: 3 })
  for (const text of seen) assert.match(text, /^conversion /)
  assert.deepEqual(stats, [3, 0, 3, 0, 0])
})

it('a question that cannot be converted fails alone', async () => {
  const seen = []
  await new Promise((resolve) => {
    cases.askPairs(
      (number, text) => `${number} ${text}`,
      (answer) => seen.push(answer) === 8 && resolve(undefined),
    )
  })
  assert.deepEqual(seen, [
    ...['0 0', '1 1', '2 2', 'three is not accepted', '4 4'],
    ...['the conversion of a message panicked: five is worse', '6 6', '7 7'],
  ])
})

it('a question on JavaScript’s own thread is an error', () => {
  const questions = new cases.Numbered((question) => question)
  assert.equal(questions.askHere(), 'OnJavaScriptThread')
  questions.stop()
})

it('a question whose time is over is not put', async () => {
  let calls = 0
  const questions = new cases.Numbered(() => ++calls)
  const answered = new Promise((resolve) => questions.ask(3, 1, 10, resolve))
  block(100)
  assert.equal(await answered, 'Timeout')
  questions.release()
  await questions.done()
  assert.equal(calls, 0)
  assert.deepEqual(questions.stats(), [3, 0, 0, 3, 0])
})

it('a timeout holds while the queue is full too', async () => {
  const { seen } = await answers(() => new Promise((resolve) => setTimeout(resolve, 50, 1)), {
    ...{ threads: 4, count: 1, capacity: 1, timeout: 5 },
  })
  assert.ok(seen.includes('Timeout'))
})

it('a future that is dropped takes its question back', async () => {
  const questions = new cases.Numbered(() => assert.fail('it is not wanted'))
  questions.giveUp()
  questions.release()
  await questions.done()
  assert.deepEqual(questions.stats(), [1, 0, 0, 1, 0])
})

it('a promise that was collected is Abandoned', async () => {
  assert.equal(
    await script(`
      const questions = new cases.Numbered(() => new Promise(() => {}))
      const collecting = setInterval(() => gc(), 5)
      questions.ask(1, 2, undefined, (text) => {
        console.log(text)
        if (++seen === 2) clearInterval(collecting), questions.release()
      })
      let seen = 0`),
    'Abandoned\nAbandoned',
  )
})

it('stop tells every asker, those of pending promises too', async () => {
  let asked = 0
  const questions = new cases.Numbered(() => {
    if (++asked === 4) setImmediate(() => questions.stop())
    return new Promise(() => {})
  })
  const seen = []
  await new Promise((resolve) => {
    questions.ask(4, 1, undefined, (text) => seen.push(text) === 4 && resolve(undefined))
  })
  assert.deepEqual(seen, ['Closed', 'Closed', 'Closed', 'Closed'])
  await questions.done()
})

it('stop inside the callback frees the event loop', async () => {
  assert.equal(
    await script(`
      let calls = 0
      const questions = new cases.Numbered(() => {
        if (++calls === 100) questions.stop()
        return 1
      })
      questions.askForEver(4)
      questions.done().then(() => {
        const wait = setInterval(() => {
          if (cases.closed() + cases.others().length < 4) return
          console.log(cases.closed(), cases.others())
          clearInterval(wait)
        }, 5)
      })`),
    '4 []',
  )
})

it('an idle asker and an idle event loop use no processor', async () => {
  const questions = new cases.Numbered((question) => question)
  await new Promise((resolve) => questions.ask(1, 1000, undefined, (text) => text === '999' && resolve(undefined)))
  const before = process.cpuUsage()
  await new Promise((resolve) => setTimeout(resolve, 300))
  const { user, system } = process.cpuUsage(before)
  questions.stop()
  assert.ok(user + system < 30_000, `${(user + system) / 1000} ms`)
})

it('the event loop turns while threads ask flat out', async () => {
  const slow = () => {
    block(0.1)
    return 1
  }
  for (const callback of [() => 1, async () => 1, slow, () => Promise.resolve().then(slow)]) {
    for (const askers of [1, 4]) {
      const questions = new cases.Numbered(callback)
      questions.askForEver(askers)
      const turns = await measureTurns(250)
      questions.stop()
      await questions.done()
      const typical = turns[Math.floor(turns.length * 0.9)]
      assert.ok(turns.length > 20 && typical < 20, `${callback}: ${turns.length} turns, ${typical} ms`)
    }
  }
})
