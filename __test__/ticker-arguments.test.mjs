import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import texample, { start, ticks } from 'texample'
import { assertThreads } from './support/threads.mjs'

const callback = () => {}

/**
 * Values by the name of what is wrong with them; every option refuses `null` and values of the
 * other types.
 */
const others = {
  null: null,
  text: 'text',
  boolean: true,
  number: 1,
  bigint: 1n,
  symbol: Symbol('s'),
  object: {},
  array: [],
  function: callback,
}
const without = (...names) => Object.entries(others).filter(([name]) => !names.includes(name))

const wrongType = [
  ...without('function', 'object').map(([name, value]) => [`callback: ${name}`, [value]]),
  ...without('object').map(([name, value]) => [`options: ${name}`, [callback, value]]),
  ['callback: an object beside options', [{}, {}]],
  ...wrong('interval', 'number'),
  ...wrong('count', 'number'),
  ...wrong('capacity', 'number'),
  ...wrong('overflow', 'text'),
  ...wrong('signal'),
  ...wrong('batch', 'boolean'),
]

function wrong(option, right) {
  return without(right).map(([name, value]) => [`options.${option}: ${name}`, [callback, { [option]: value }]])
}

const outOfRange = [
  ...[-1, -0.001, 2 ** 31, Infinity, -Infinity, NaN].map((value) => ['interval', value]),
  ...[0, -1, 1.5, 2 ** 53, Infinity, NaN].map((value) => ['count', value]),
  ...[0, -1, 1.5, 2 ** 24 + 1, 2 ** 32, Infinity, NaN].map((value) => ['capacity', value]),
  ...['', 'Block', 'drop', 'drop_oldest', 'toString', '__proto__'].map((value) => ['overflow', value]),
]

function isInvalid(Kind, argument) {
  return (error) => {
    assert.ok(error instanceof Kind, `${error} is no ${Kind.name}`)
    assert.equal(error.code, 'ERR_TEXAMPLE_INVALID_ARGUMENT')
    assert.ok(error.message.includes(argument), error.message)
    return true
  }
}

describe('a wrong argument is a typed error and starts no thread', () => {
  for (const [name, args] of wrongType) {
    it(`start: ${name}`, () => {
      assert.throws(() => start(...args), isInvalid(TypeError, name.split(':')[0]))
      assertThreads('texample-ticker', 0)
    })
    if (name.startsWith('options')) {
      it(`ticks: ${name}`, () => {
        assert.throws(() => ticks(args[1]), isInvalid(TypeError, name.split(':')[0]))
      })
    }
  }
  for (const [option, value] of outOfRange) {
    it(`${option}: ${String(value)}`, () => {
      const invalid = isInvalid(RangeError, `options.${option}`)
      assert.throws(() => start(callback, { [option]: value }), invalid)
      assert.throws(() => start({ [option]: value }), invalid)
      assert.throws(() => ticks({ [option]: value }), invalid)
      assertThreads('texample-ticker', 0)
    })
  }
  it('ticks() refuses batch', () => {
    assert.throws(() => ticks({ batch: true }), isInvalid(RangeError, 'options.batch'))
  })
})

it('an option that is undefined has its default', async () => {
  const nothing = { count: undefined, capacity: undefined, overflow: undefined, signal: undefined, batch: undefined }
  const ticker = start(callback, { ...nothing, interval: undefined, colour: undefined })
  assert.deepEqual(ticker.stats().posted, 0)
  ticker.stop()
  const other = start(undefined, undefined)
  other.stop()
  await Promise.all([ticker.done, other.done])
})

it('an unknown option is an error, and ref of start()', () => {
  for (const options of [{ period: 5 }, { colour: 'red' }, Object.create({ batches: true }), { ref: false }]) {
    const [name] = Object.keys(options).concat('batches')
    assert.throws(() => start(callback, options), isInvalid(TypeError, `options.${name}`))
    if (name !== 'ref') assert.throws(() => ticks(options), isInvalid(TypeError, `options.${name}`))
  }
  for (const ref of [null, 1, 'false']) assert.throws(() => ticks({ ref }), isInvalid(TypeError, 'options.ref'))
})

it('the extremes of every range are taken', async () => {
  for (const options of [
    { interval: 2 ** 31 - 1, count: Number.MAX_SAFE_INTEGER, capacity: 2 ** 24 },
    { interval: 0, count: 1, capacity: 1 },
    { interval: Number.MIN_VALUE, count: 1, capacity: 1 },
    { interval: -0, count: 1 },
  ]) {
    const ticker = start(callback, options)
    if (options.count > 1) ticker.stop()
    await ticker.done
  }
})

it('every overflow policy has its name', async () => {
  for (const overflow of ['block', 'drop-oldest', 'drop-newest', 'latest']) {
    await start(callback, { interval: 0, count: 1, overflow }).done
  }
})

it('an option is read once', () => {
  let reads = 0
  const ticker = start(callback, {
    get interval() {
      reads++
      return 1000
    },
  })
  ticker.stop()
  assert.equal(reads, 1)
  const getter = {
    get capacity() {
      throw new Error('mine')
    },
  }
  assert.throws(() => start(callback, getter), /mine/)
})

it('the public face has the functions that it names', () => {
  assert.equal(texample.start, start)
  assert.equal(texample.ticks, ticks)
})
