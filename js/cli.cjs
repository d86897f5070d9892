#!/usr/bin/env node
'use strict'

/** The command line: `npx texample`. */

const { createReadStream, createWriteStream } = require('node:fs')
const { buffer } = require('node:stream/consumers')
const { pipeline } = require('node:stream/promises')
const { parseArgs } = require('node:util')
const { TexampleError } = require('./errors.cjs')

const help = `Usage: texample COMMAND [OPTIONS]

  encode [FILE]   JSON from FILE or stdin, carried as it stands, as a PNG on stdout
      -o, --output FILE     write here instead
      --bytes               carries any file, not JSON alone
      --compression KIND    auto, none, fast or best
      --charset NAME        ascii or utf-8
      --robust              survives noise in the two low bits of each channel
  decode [FILE]   a PNG from FILE or stdin: its JSON, or its bytes, on stdout
      -o, --output FILE     write here instead
      -p, --pretty          JSON indented
  tick            a line for each tick of a native thread
      -i, --interval MS     default 1000
      -n, --count N         stop after so many; default: never
  ids [next] [NAME]         ids of a sequence, one a line; default name: default
  ids show [NAME]           the next id, without taking it
  ids set NAME INDEX        makes INDEX the next id: forward, or back with --force
  ids import COUNTERS       goes on where the counters in a MongoDB collection stand: those of mongoose-sequence,
                            mongoose-auto-increment, or made by hand with $inc; forward only
      -n, --count N         how many; default 1
      --force               even if that hands ids out a second time
      --collection NAME     collection, or table; default ids
      --from URL            the database of COUNTERS; default: that of --url
      -u, --url URL         mongodb://…, sqlite:FILE or memory:; default TEXAMPLE_IDS_URL,
                            else sqlite:texample-ids.db

  build           the native add-on from source, where none is prebuilt

  -h, --help      this text
  -v, --version   the version

Exit codes: 0 done, 1 failed, 2 wrong usage.
`

/** A command line that cannot be obeyed. */
class UsageError extends Error {}

/** @typedef {import('node:util').ParseArgsConfig['options']} Options */

/**
 * @type {Record<string, { options: Options, operands: number, run: (values: any, operands:
 * string[]) => Promise<void> }>}
 */
const commands = {
  encode: {
    options: {
      output: { type: 'string', short: 'o' },
      bytes: { type: 'boolean' },
      compression: { type: 'string' },
      charset: { type: 'string' },
      robust: { type: 'boolean' },
    },
    operands: 1,
    async run({ output, bytes: asBytes = false, ...options }, [file]) {
      if (output === undefined && process.stdout.isTTY) {
        throw new UsageError('a PNG is not for a terminal: name a file with --output, or redirect stdout')
      }
      const { encodeDataToImage, encodeJson } = require('./image/index.cjs')
      const given = await buffer(input(file))
      await put(asBytes ? encodeDataToImage(given, options) : encodeJson(jsonText(given, file), options), output)
    },
  },

  decode: {
    options: { output: { type: 'string', short: 'o' }, pretty: { type: 'boolean', short: 'p' } },
    operands: 1,
    async run({ output, pretty = false }, [file]) {
      const { decodeContent } = require('./image/index.cjs')
      const { indented, unescaped } = require('./image/printed.cjs')
      const content = decodeContent(await buffer(input(file)))
      if (typeof content === 'string') {
        checkJson(content, 'the image')
        const text = unescaped(content)
        return put(`${pretty ? indented(text) : text}\n`, output)
      }
      if (output === undefined && process.stdout.isTTY) {
        throw new UsageError('the image holds bytes: name a file with --output, or redirect stdout')
      }
      await put(content, output)
    },
  },

  tick: {
    options: { interval: { type: 'string', short: 'i' }, count: { type: 'string', short: 'n' } },
    operands: 0,
    async run({ interval, count }) {
      const { ticks } = texample()
      const options = { interval: number('--interval', interval) ?? 1000, count: number('--count', count) }
      for await (const i of ticks(options)) await write(`${i}\n`)
    },
  },

  ids: {
    options: {
      count: { type: 'string', short: 'n' },
      url: { type: 'string', short: 'u' },
      collection: { type: 'string' },
      force: { type: 'boolean' },
      from: { type: 'string' },
    },
    operands: 3,
    async run({ count, url, collection, force = false, from }, operands) {
      const verb = ['show', 'next', 'set', 'import'].includes(operands[0]) ? operands.shift() : 'next'
      const [name = 'default', text, ...rest] = operands
      if (rest.length > 0 || (text !== undefined) !== (verb === 'set')) {
        throw new UsageError(verb === 'set' ? 'ids set takes NAME and INDEX' : `ids ${verb} takes one NAME`)
      }
      if (force && verb !== 'set') throw new UsageError('--force is for ids set')
      if (from !== undefined && verb !== 'import') throw new UsageError('--from is for ids import')
      if (verb === 'next') return nextIds(name, count, { url, collection })
      if (count !== undefined) throw new UsageError(`--count is for ids next`)
      const store = texample().openStore({ url, collection })
      if (verb === 'import') return importCounters(store, operands[0], from ?? url ?? process.env.TEXAMPLE_IDS_URL)
      if (verb === 'set') return store.set(name, index(text), { force })
      const next = await store.read(name)
      if (next === undefined) throw new Error(`there is no sequence "${name}"`)
      await write(`${next}\n`)
    },
  },

  build: {
    options: {},
    operands: 0,
    async run() {
      const { build } = require('./native/build.cjs')
      await write(`${await build()}\n`)
    },
  },
}

/**
 * Loaded when a command needs it: help and the build work without the native add-on.
 * @returns {typeof import('./index.js')}
 */
function texample() {
  return /** @type {any} */ (require('./index.cjs'))
}

/**
 * @param {string} name
 * @param {string | undefined} count
 * @param {{ url?: string, collection?: string }} options
 */
async function nextIds(name, count, options) {
  const wanted = number('--count', count) ?? 1
  if (!Number.isSafeInteger(wanted) || wanted < 1)
    throw new UsageError(`--count must be a positive integer; it is ${count}`)
  const sequence = texample().openSequence(name, options)
  try {
    for (let left = wanted; left > 0; ) {
      const ids = await sequence.nextIds(Math.min(left, 10_000))
      await write(`${ids.join('\n')}\n`)
      left -= ids.length
    }
  } finally {
    await sequence.close()
  }
}

/**
 * @param {import('./index.js').Store} store
 * @param {string | undefined} counters the collection that holds them
 * @param {string | undefined} url
 */
async function importCounters(store, counters, url) {
  if (counters === undefined) throw new UsageError('ids import takes the name of a collection')
  if (!/^mongodb(\+srv)?:/.test(url ?? ''))
    throw new UsageError('ids import reads MongoDB: name it with --from or --url')
  const { readCounters } = require('./ids/counters.cjs')
  for (const { name, next } of await readCounters(/** @type {string} */ (url), counters)) {
    const present = await store.read(name)
    const isPast = present !== undefined && present >= next
    if (!isPast) await store.set(name, next)
    await write(isPast ? `${name} stays at ${present}, which is past ${next}\n` : `${name} goes on at ${next}\n`)
  }
}

/** @param {string} text */
function index(text) {
  if (!/^\d+$/.test(text) || BigInt(text) >= 2n ** 63n)
    throw new UsageError(`INDEX must be an integer from 0; it is "${text}"`)
  return BigInt(text)
}

/** @param {string[]} args */
async function main([name, ...rest]) {
  if (name === undefined || name === '-h' || name === '--help') return write(help)
  if (name === '-v' || name === '--version') return write(`${require('../package.json').version}\n`)
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) throw new UsageError(`there is no command "${name}"`)
  const { values, positionals } = parse(rest, command.options)
  if (values.help) return write(help)
  if (positionals.length > command.operands) {
    const most = ['no operand', 'one operand'][command.operands] ?? `at most ${command.operands} operands`
    throw new UsageError(`${name} takes ${most}: ${positionals.join(' ')}`)
  }
  await command.run(values, positionals)
}

/**
 * @param {string[]} args
 * @param {Options} options
 */
function parse(args, options) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { ...options, help: { type: 'boolean', short: 'h' } } })
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message)
  }
}

/** @param {string | undefined} file */
function input(file) {
  return file === undefined || file === '-' ? process.stdin : createReadStream(file)
}

/**
 * Writes to a file, or to stdout.
 * @param {string | Uint8Array} data
 * @param {string | undefined} output
 */
async function put(data, output) {
  await pipeline([data], output === undefined ? process.stdout : createWriteStream(output))
}

/**
 * The JSON text of a file, without the white space around it.
 * @param {Uint8Array} bytes
 * @param {string} [file]
 */
function jsonText(bytes, file = 'stdin') {
  let json
  try {
    // Windows PowerShell's `>` writes UTF-16, with its byte order mark.
    const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe
    json = new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8', { fatal: true }).decode(bytes).trim()
  } catch {
    throw new Error(`${file} is not UTF-8: convert it, or carry it as it is with --bytes`)
  }
  checkJson(json, file)
  return json
}

/**
 * @param {string} json
 * @param {string} where
 */
function checkJson(json, where) {
  try {
    JSON.parse(json)
  } catch (error) {
    throw new Error(`${where} is not JSON: ${/** @type {Error} */ (error).message}`)
  }
}

/**
 * @param {string} option
 * @param {string | undefined} value
 */
function number(option, value) {
  if (value === undefined) return undefined
  if (value.trim() === '' || Number.isNaN(Number(value)))
    throw new UsageError(`${option} must be a number; it is "${value}"`)
  return Number(value)
}

/**
 * Writes to stdout and waits until it takes more.
 * @param {string} line
 */
function write(line) {
  return new Promise((resolve, reject) => {
    process.stdout.write(line, (error) => (error ? reject(error) : resolve(undefined)))
  })
}

/** @param {any} error */
function fail(error) {
  // The reader of our output has enough, as in `texample tick | head -3`.
  if (error.code === 'EPIPE') return
  const isUsage = error instanceof UsageError || error.code === 'ERR_TEXAMPLE_INVALID_ARGUMENT'
  const code = error instanceof TexampleError ? ` (${error.code})` : ''
  process.stderr.write(`texample: ${error.message}${code}\n${isUsage ? 'Try "texample --help".\n' : ''}`)
  process.exitCode = isUsage ? 2 : 1
}

// Without this an EPIPE would also be thrown as an unhandled 'error' event.
process.stdout.on('error', () => {})
main(process.argv.slice(2)).catch(fail)
