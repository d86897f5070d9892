/**
 * `npm test`: installs, builds, runs everything, and says what ran.
 * `npm test -- ticker types`: only the stages and test files whose name holds one of the words.
 * `npm test -- --debug …`: on a debug build of the add-on, quicker to make.
 * NAPI_RS_NATIVE_LIBRARY_PATH names an add-on to test instead of building one.
 */

import { availableParallelism } from 'node:os'
import path from 'node:path'
import { build } from './build.mjs'
import { commandLine, core, isWanted, main, run, tool } from './command.mjs'
import { testFiles } from './stages.mjs'

const fileTimeout = 240_000
/** @type {{ stage: string, what: string, passed: number, failed: number, seconds: number }[]} */
const results = []

await main(async () => {
  const { words, debug = false } = commandLine({ debug: 'boolean' })
  const chosen = testFiles().filter(({ name, stage }) => isWanted(words, stage, `${name}.test.mjs`))

  if (isWanted(words, 'core')) await testCore()
  if (isWanted(words, 'rust docs')) await testRustDocs()
  if (isWanted(words, 'types')) await testTypes(debug)
  if (chosen.length > 0) {
    await build({ debug })
    for (const stage of ['add-on', 'mongodb', 'browser']) {
      await runFiles(
        stage,
        chosen.filter((file) => file.stage === stage).map(({ file }) => file),
      )
    }
  }
  summarize(words)
})

/** The Rust core, which must build and pass with no napi in its tree. */
async function testCore() {
  heading('core: Rust, without napi')
  await record('core', 'napi is not in its tree', async () => {
    const { code, output } = await run('cargo', ['tree', '--invert', 'napi', ...core], { capture: true })
    const absent = code !== 0 && output.includes('did not match any packages')
    if (!absent) console.error(output)
    return oneTest(absent)
  })
  await cargoTest('core', 'cargo test', core)
  // A folder of its own: with another flag for every crate, the two builds would undo each other.
  const model = ['--package', 'texample-bridge', '--lib', '--test', 'queue_loom', '--release']
  await cargoTest('core', 'the queue, model-checked', [...model, '--target-dir', 'target/loom'], {
    RUSTFLAGS: '--cfg loom',
  })
}

/**
 * What the documentation of the Rust API shows to authors of add-ons: compiled, since only Node.js
 * could run it.
 */
async function testRustDocs() {
  heading('rust docs: for other add-ons')
  await cargoTest('rust docs', 'cargo test --doc', ['--doc', '--package', 'texample-bridge', '--features', 'napi'])
}

function cargoTest(stage, what, args, env) {
  return record(stage, what, async () => {
    const { code, output } = await run('cargo', ['test', ...args], { capture: true, echo: true, env })
    return count(output, code, /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm)
  })
}

/** The JavaScript against its JSDoc types, and the public types as users see them. */
async function testTypes(debug) {
  heading('types')
  await build({ debug })
  const projects = [
    ...['tsconfig.json', 'tsconfig.client.json', '__test__/types/tsconfig.json'],
    ...['__test__/types/mongoose/tsconfig.json', '__test__/types/mongoose/tsconfig.8.json'],
  ]
  for (const project of projects) {
    await record('types', project, async () => {
      const { code } = await run(process.execPath, [tool('typescript'), '--project', project])
      return oneTest(code === 0)
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
    const args = ['--test', '--test-reporter=spec', '--test-reporter-destination=stdout', file]
    const { code, output } = await run(process.execPath, args, { capture: true, timeout: fileTimeout })
    const counts = count(
      output,
      code,
      /^ℹ pass (\d+)\nℹ fail (\d+)\nℹ cancelled (\d+)\nℹ skipped (\d+)\nℹ todo (\d+)/gm,
    )
    if (counts.failed > 0) process.stdout.write(`\n${output}\n`)
    return counts
  })
}

function oneTest(isPassed) {
  return { passed: isPassed ? 1 : 0, failed: isPassed ? 0 : 1 }
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

/** @param {string[]} words of the command line */
function summarize(words) {
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
