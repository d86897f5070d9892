import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from './support/folder.mjs'
import { assertThreads, threads } from './support/threads.mjs'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const example = path.join(root, 'examples/follow')
const require = createRequire(import.meta.url)

await run(process.execPath, [path.join(example, '..', 'build.mjs'), 'follow'], { cwd: root })
const { follow } = require('../examples/follow/index.cjs')
const folder = temporaryFolder()

/** A new file that is followed to the end of the test; `until` resolves when so many lines came. */
function followed(t, text = '') {
  const file = newFile(text)
  const lines = []
  let waiting
  const stop = follow(file, (more) => {
    lines.push(...more)
    if (waiting !== undefined && lines.length >= waiting.count) waiting.resolve()
  })
  t.after(() => {
    stop()
    return threadGone()
  })
  return {
    file,
    lines,
    until: (count) =>
      new Promise((resolve) => {
        waiting = { count, resolve }
        if (lines.length >= count) resolve()
      }),
  }
}

let files = 0
function newFile(text = '') {
  const file = path.join(folder, `${++files}.log`)
  writeFileSync(file, text)
  return file
}

async function threadGone() {
  while (threads('follow') > 0) await new Promise(setImmediate)
}

it('the example brings neither our exports nor a database', async () => {
  assert.deepEqual(Object.keys(require('../examples/follow/follow.node')), ['Follower'])
  const { stdout } = await run('cargo', ['tree', '--package', 'follow', '--edges', 'normal', '--prefix', 'none'], {
    cwd: root,
  })
  const names = new Set(stdout.split('\n').map((line) => line.split(' ')[0]))
  assert.ok(names.has('texample-bridge') && names.has('napi'))
  for (const name of ['mongodb', 'rusqlite', 'libsqlite3-sys', 'tokio']) assert.ok(!names.has(name), name)
})

it('appended lines arrive in order, once each', async (t) => {
  const { file, lines, until } = followed(t, 'old\n')
  const expected = []
  for (let i = 0; i < 200; i++) {
    expected.push(`line ${i} ${'ö'.repeat(i)}`)
    appendFileSync(file, `${expected.at(-1)}\n`)
  }
  await until(200)
  assert.deepEqual(lines, expected)
})

it('a line is handed over when it is complete', async (t) => {
  const { file, lines, until } = followed(t)
  appendFileSync(file, 'first half, ')
  appendFileSync(file, 'second half\r\nnext')
  await until(1)
  assert.deepEqual(lines, ['first half, second half'])
})

it('a truncated or replaced file is read from its start', async (t) => {
  const { file, lines, until } = followed(t, 'a long line that was there before\n')
  truncateSync(file)
  appendFileSync(file, 'truncated\n')
  await until(1)
  writeFileSync(`${file}.new`, 'replaced\n')
  renameSync(`${file}.new`, file)
  await until(2)
  assert.deepEqual(lines, ['truncated', 'replaced'])
})

it('a file that does not exist is an error at once', () => {
  assert.throws(() => follow(path.join(folder, 'missing'), () => {}), /No such file/)
  assertThreads('follow', 0)
})

it('nothing is delivered after stop', async () => {
  const file = newFile()
  let calls = 0
  await new Promise((resolve) => {
    const stop = follow(file, () => {
      calls++
      stop()
      resolve()
    })
    appendFileSync(file, 'one\n')
  })
  appendFileSync(file, 'two\n')
  await threadGone()
  assert.equal(calls, 1)
})

it('a throwing callback loses no later line', async () => {
  const file = newFile()
  const script = `
    const { follow } = require(${JSON.stringify(path.join(example, 'index.cjs'))})
    const { appendFileSync } = require('node:fs')
    const seen = []
    process.on('uncaughtException', (error) => {
      seen.push(error.message)
      if (seen.length === 3) stop()
      else appendFileSync(${JSON.stringify(file)}, seen.length + '\\n')
    })
    const stop = follow(${JSON.stringify(file)}, (lines) => { throw new Error(lines.join()) })
    appendFileSync(${JSON.stringify(file)}, '0\\n')
    process.on('exit', () => console.log(seen.join()))`
  const { stdout } = await run(process.execPath, ['-e', script], { timeout: 30_000 })
  assert.equal(stdout.trim(), '0,1,2')
})

it('a test’s fake clock does not hold lines back', { timeout: 30_000 }, async (t) => {
  const { file, lines, until } = followed(t)
  t.mock.timers.enable({ apis: ['setImmediate'] })
  const count = 100_000 // more than a turn of the event loop has time for
  appendFileSync(file, Array.from({ length: count }, (_, i) => `${i}\n`).join(''))
  await until(count)
  t.mock.timers.reset()
  assert.deepEqual(
    lines,
    Array.from({ length: count }, (_, i) => `${i}`),
  )
})

it('as a program it prints what comes, and Ctrl-C ends it', async () => {
  const file = newFile()
  const child = spawn(process.execPath, [path.join(example, 'index.cjs'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let output = ''
  let at = 0
  const writing = setInterval(() => appendFileSync(file, `${at++}\n`), 20)
  await new Promise((resolve) => {
    child.stdout.on('data', (text) => {
      output += text
      if (output.split('\n').length > 3) resolve()
    })
  })
  child.kill('SIGINT')
  assert.equal(await ended, 0)
  clearInterval(writing)
  assert.match(output, /^\d+\n\d+\n/)
})
