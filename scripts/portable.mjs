/**
 * `node scripts/portable.mjs`: the tests that run on every system, with the add-on that is in
 * js/native or that NAPI_RS_NATIVE_LIBRARY_PATH names; it builds nothing. CI runs it on each
 * system, `npm run test:windows` under wine. `node scripts/portable.mjs ids cli`: only the files
 * whose name is one of the words. `-- --results FILE`: what passed and failed, as JSON.
 *
 * The files that need MongoDB are among them when TEXAMPLE_TEST_MONGODB names a server (see
 * devtools/mongod.mjs).
 */

import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { commandLine, Failure, isMain, main, root } from './command.mjs'
import { portableTestFiles } from './stages.mjs'

const { platform } = createRequire(import.meta.url)('../js/native/platform.cjs')

const fileTimeout = 540_000

/**
 * @typedef {{ file: string, name: string, passed: boolean }} Result a test without tests inside of
 * it
 */

/**
 * Runs test files one after the other and shows what they say.
 * @param {string[]} files
 * @returns {Promise<Result[]>}
 */
async function runFiles(files) {
  /** @type {Result[]} */
  const results = []
  const stream = run({ files: files.map((file) => path.join(root, file)), concurrency: 1, timeout: fileTimeout })
  for (const passed of [true, false]) {
    stream.on(passed ? 'test:pass' : 'test:fail', ({ name, file, details, skip, todo }) => {
      const isSuite = details.type === 'suite' || details.error?.failureType === 'subtestsFailed'
      // A skipped test hides something missing, so it counts as failed.
      const isSkipped = skip !== undefined || todo !== undefined
      if (!isSuite) results.push({ file: path.basename(file ?? name), name, passed: passed && !isSkipped })
    })
  }
  for await (const text of stream.compose(spec)) process.stdout.write(text)
  return results
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const { words, results: file } = commandLine({ results: 'string' })
    const addon = path.join(root, 'js', 'native', `texample.${platform()}.node`)
    if (!process.env.NAPI_RS_NATIVE_LIBRARY_PATH) {
      if (!existsSync(addon)) throw new Failure(`there is no ${addon}; "npm run build" makes it`)
      // No test builds another one.
      process.env.NAPI_RS_NATIVE_LIBRARY_PATH = addon
    }
    const files = portableTestFiles({ platform: process.platform, mongodb: Boolean(process.env.TEXAMPLE_TEST_MONGODB) })
      .filter(({ name }) => words.length === 0 || words.includes(name))
      .map(({ file }) => file)
    if (files.length === 0) throw new Failure(`no portable test file is called ${words.join(' or ')}`)
    const results = await runFiles(files)
    if (file !== undefined) await writeFile(file, JSON.stringify(results))
    const failed = results.filter(({ passed }) => !passed)
    if (failed.length > 0) throw new Failure(`${failed.length} tests failed`)
  })
}
