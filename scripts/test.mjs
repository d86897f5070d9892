/**
 * `npm test`: installs, builds, runs everything, and says what ran.
 * `npm test -- ticker types`: only the stages and test files whose name holds one of the words.
 * `npm test -- --debug …`: on a debug build of the add-on, quicker to make.
 * NAPI_RS_NATIVE_LIBRARY_PATH names an add-on to test instead of building one.
 */

import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { build } from './build.mjs'
import { core, main, root, run, tool } from './command.mjs'
import { testFiles } from './stages.mjs'

const fileTimeout = 240_000
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const debug = process.argv.includes('--debug')

/** @type {{ stage: string, what: string, passed: number, failed: number, seconds: number }[]} */
const results = []

await main(async () => {
  const chosen = testFiles().filter(({ name, stage }) => isWanted(stage, `${name}.test.mjs`))

  if (isWanted('core')) await testCore()
  if (isWanted('rust docs')) await testRustDocs()
  if (isWanted('types')) await testTypes()
  if (chosen.length > 0) {
    await build({ debug })
    for (const stage of ['add-on', 'mongodb', 'browser']) {
      await runFiles(
        stage,
        chosen.filter((file) => file.stage === stage).map(({ file }) => file),
      )
    }
  }
  summarize()
})

function isWanted(...names) {
  return words.length === 0 || words.some((word) => names.some((name) => name.includes(word)))
}

/** The Rust core, which must build and pass with no napi in its tree. */
async function testCore() {
  heading('core: Rust, without napi')
  await record('core', 'napi is not in its tree', async () => {
    const { code, output } = await run('cargo', ['tree', '--invert', 'napi', ...core], { capture: true })
    const absent = code !== 0 && output.includes('did not match any packages')
    if (!absent) console.error(output)
    return { passed: absent ? 1 : 0, failed: absent ? 0 : 1 }
  })
  await cargoTest('core', 'cargo test', core)
  // A folder of its own: with another flag for every crate, the two builds would undo each other.
  const model = [
    '--package',
    'texample-bridge',
    '--release',
    '--target-dir',
    'target/loom',
    '--lib',
    '--test',
    'queue_loom',
  ]
  await cargoTest('core', 'the queue, model-checked', model, { RUSTFLAGS: '--cfg loom' })
}

/**
 * What the documentation of the Rust API shows to authors of add-ons: compiled, since only Node.js
 * could run it.
 */
async function testRustDocs() {
  heading('rust docs: for other add-ons')
  await cargoTest('rust docs', 'cargo test --doc', ['--doc', '--package', 'texample-bridge', '--features', 'napi'])
}

/**
 * @param {string} stage
 * @param {string} what
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
function cargoTest(stage, what, args, env = {}) {
  return record(stage, what, async () => {
    const { code, output } = await run('cargo', ['test', ...args], { capture: true, echo: true, env })
    return count(output, code, /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm)
  })
}

/** The JavaScript against its JSDoc types, and the public types as users see them. */
async function testTypes() {
  heading('types')
  await build({ debug })
  const projects = [
    ...['tsconfig.json', 'tsconfig.client.json', '__test__/types/tsconfig.json'],
    ...['__test__/types/mongoose/tsconfig.json', '__test__/types/mongoose/tsconfig.8.json'],
  ]
  for (const project of projects) {
    await record('types', project, async () => {
      const { code } = await run(process.execPath, [tool('typescript'), '--project', project])
      return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 }
    })
  }
}

/** Runs test files, each in a process of its own, a few at a time. */
async function runFiles(stage, files) {
  if (files.length === 0) return
  heading(stage)
  const waiting = [...files]
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await testFile(stage, file)
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, work))
}

function testFile(stage, file) {
  return record(stage, path.basename(file), async () => {
    const { code, output } = await runGroup([
      ...['--test', '--test-reporter=spec', '--test-reporter-destination=stdout'],
      file,
    ])
    const counts = count(
      output,
      code,
      /^ℹ pass (\d+)\nℹ fail (\d+)\nℹ cancelled (\d+)\nℹ skipped (\d+)\nℹ todo (\d+)/gm,
    )
    if (counts.failed > 0) process.stdout.write(`\n${output}\n`)
    return counts
  })
}

/**
 * Runs Node with a group of its own, so that nothing it started outlives it, in no more than
 * `fileTimeout`.
 */
function runGroup(args) {
  return new Promise((resolve, reject) => {
    const posix = process.platform !== 'win32'
    const child = spawn(process.execPath, args, { cwd: root, detached: posix, stdio: ['ignore', 'pipe', 'pipe'] })
    const end = () => {
      try {
        if (posix) process.kill(-child.pid, 'SIGKILL')
        else child.kill()
      } catch (error) {
        if (error.code !== 'ESRCH') throw error
      }
    }
    const interrupt = () => {
      end()
      process.exit(130)
    }
    process.once('SIGINT', interrupt)
    let output = ''
    const deadline = setTimeout(() => {
      output += `\nnot done after ${fileTimeout / 1000} s\n`
      end()
    }, fileTimeout)
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('error', reject)
    child.on('exit', end)
    child.on('close', (code) => {
      clearTimeout(deadline)
      process.off('SIGINT', interrupt)
      resolve({ code: code ?? 1, output })
    })
  })
}

/**
 * Adds up what a test runner printed: the first number of each match passed, the rest did not
 * (a skipped test hides something missing, so it counts as failed).
 */
function count(output, code, pattern) {
  let passed = 0
  let failed = 0
  for (const [, first, ...rest] of output.matchAll(pattern)) {
    passed += Number(first)
    failed += rest.reduce((sum, number) => sum + Number(number), 0)
  }
  const bad = code !== 0 || passed + failed === 0
  return { passed, failed: bad ? Math.max(failed, 1) : failed }
}

async function record(stage, what, body) {
  const started = performance.now()
  const { passed, failed } = await body()
  const seconds = (performance.now() - started) / 1000
  results.push({ stage, what, passed, failed, seconds })
  console.log(`${failed === 0 ? 'ok  ' : 'FAIL'} ${what}: ${passed} passed, ${failed} failed, ${seconds.toFixed(1)} s`)
}

function heading(text) {
  console.log(`\n== ${text}`)
}

function summarize() {
  heading('summary')
  const width = Math.max(8, ...results.map(({ what }) => what.length))
  for (const { stage, what, passed, failed, seconds } of results) {
    const numbers = `${String(passed).padStart(5)} passed ${String(failed).padStart(3)} failed ${seconds.toFixed(1).padStart(7)} s`
    console.log(`${stage.padEnd(8)} ${what.padEnd(width)} ${numbers}`)
  }
  const total = (key) => results.reduce((sum, result) => sum + result[key], 0)
  const failed = total('failed')
  if (results.length === 0) console.log(`no stage and no test file has a name with "${words.join('" or "')}"`)
  console.log(`\n${total('passed')} passed, ${failed} failed`)
  if (failed > 0 || results.length === 0) process.exitCode = 1
}
