/**
 * `npm run coverage`: which lines of src/ and js/ the tests run, Rust and JavaScript together.
 *
 * `npm run coverage -- --report` says again what the last run counted.
 *
 * The add-on is built with counters and loaded by every test process; V8 counts the JavaScript
 * itself.
 */

import { existsSync, readdirSync } from 'node:fs'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { library } from '../devtools/addon.mjs'
import { commandLine, core, Failure, main, must, root, run, tool } from './command.mjs'
import { install } from './install.mjs'

const out = path.join(root, 'target', 'coverage')
const profiles = path.join(out, 'profiles')
const v8 = path.join(out, 'v8')
const addon = path.join(out, 'texample.node')
const leastPercent = 90
const counting = {
  CARGO_TARGET_DIR: out,
  RUSTFLAGS: '-Cinstrument-coverage',
  LLVM_PROFILE_FILE: path.join(profiles, '%p-%m.profraw'),
}

await main(async () => {
  const { report } = commandLine({ report: 'boolean' })
  await install()
  // Before what takes minutes.
  await llvmTool('llvm-cov')
  const passed = report || (await count())
  summarize([...(await rustLines()), ...(await javascriptLines())])
  if (!passed) throw new Failure('tests failed; what they ran is counted')
})

/** Builds with counters and runs the tests; whether all passed. */
async function count() {
  await Promise.all([profiles, v8].map((folder) => rm(folder, { recursive: true, force: true })))
  await mkdir(profiles, { recursive: true })
  await must('cargo', ['build', '--lib'], { env: counting })
  await copyFile(made('texample'), addon)
  // A test that fails counts what it ran all the same, and fails the whole at the end.
  const { code } = await run(process.execPath, ['scripts/test.mjs'], {
    env: { ...counting, NAPI_RS_NATIVE_LIBRARY_PATH: addon, NODE_V8_COVERAGE: v8 },
  })
  return code === 0
}

/**
 * @returns {Promise<[string, number, number][]>} each file with its lines that ran, and all its
 * lines
 */
async function rustLines() {
  const [profdata, cov] = await Promise.all(['llvm-profdata', 'llvm-cov'].map(llvmTool))
  const data = path.join(out, 'all.profdata')
  const list = path.join(out, 'profiles.txt')
  const raw = readdirSync(profiles).map((name) => path.join(profiles, name))
  await writeFile(list, raw.join('\n'))
  // A process that was killed leaves a profile that is cut off.
  await must(profdata, ['merge', '--sparse', '--failure-mode=all', `--input-files=${list}`, '--output', data])
  // The example add-on uses the Node-API half of the bridge as other add-ons do.
  const programs = [...(await testPrograms()), made('follow')].filter((file) => existsSync(file))
  const objects = programs.flatMap((file) => ['--object', file])
  const sources = ['src', path.join('bridge', 'src')].map((folder) => path.join(root, folder))
  const args = ['export', '--summary-only', `--instr-profile=${data}`, addon, ...objects, '--sources', ...sources]
  const output = await must(cov, args, { capture: true })
  const [{ files }] = JSON.parse(output.slice(output.indexOf('{'))).data
  return files.map(({ filename, summary: { lines } }) => [path.relative(root, filename), lines.covered, lines.count])
}

/** @returns {Promise<[string, number, number][]>} */
async function javascriptLines() {
  const generated = ['js/native/native.js', 'js/client/texample*.js', '**/*.d.*'].flatMap((name) => ['--exclude', name])
  await must(
    process.execPath,
    [
      ...[tool('c8'), 'report', '--temp-directory', v8, '--reporter', 'json-summary', '--reports-dir', out],
      ...['--all', '--src', 'js', '--include', 'js/**', ...generated],
    ],
    { capture: true },
  )
  const { total: _, ...files } = JSON.parse(await readFile(path.join(out, 'coverage-summary.json'), 'utf8'))
  return Object.entries(files).map(([file, { lines }]) => [path.relative(root, file), lines.covered, lines.total])
}

/**
 * A tool of the LLVM that rustc is made with: only it is sure to read what rustc's counters write.
 */
async function llvmTool(name) {
  const sysroot = (await must('rustc', ['--print', 'sysroot'], { capture: true })).trim()
  const host = /^host: (.+)$/m.exec(await must('rustc', ['-vV'], { capture: true }))[1]
  const file = path.join(sysroot, 'lib', 'rustlib', host, 'bin', name)
  if (!existsSync(file)) await must('rustup', ['component', 'add', 'llvm-tools'])
  return file
}

/** The native library that cargo makes of a crate. */
function made(crate) {
  return path.join(out, 'debug', library(crate))
}

/** The test programs that `cargo test` made. */
async function testPrograms() {
  const output = await must('cargo', ['test', ...core, '--no-run', '--message-format=json'], {
    env: counting,
    capture: true,
  })
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ profile, executable }) => profile?.test && executable)
    .map(({ executable }) => executable)
}

function summarize(files) {
  const percent = (covered, count) => `${((100 * covered) / Math.max(count, 1)).toFixed(1).padStart(6)} %`
  let covered = 0
  let count = 0
  for (const [name, some, all] of files.sort(([a], [b]) => (a < b ? -1 : 1))) {
    console.log(`${percent(some, all)} ${String(all - some).padStart(5)} lines left  ${name}`)
    covered += some
    count += all
  }
  console.log(`${percent(covered, count)} of ${count} lines of src/ and js/`)
  if ((100 * covered) / count < leastPercent) throw new Failure(`less than ${leastPercent} %`)
}
