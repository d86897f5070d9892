/**
 * `npm run test:asan`: the lifecycle scenarios under AddressSanitizer and LeakSanitizer.
 *
 * The sanitizer comes with gcc; RUSTC_BOOTSTRAP lets the stable compiler take the flag that
 * switches it on.
 */

import { existsSync } from 'node:fs'
import { copyFile, readdir, readFile, realpath, rm } from 'node:fs/promises'
import path from 'node:path'
import { library as libraryOf } from '../devtools/addon.mjs'
import { bridgeScenarios, ownScenarios, runScenario } from '../devtools/scenario.mjs'
import { Failure, main, must, root, withTemporary } from './command.mjs'

const target = 'x86_64-unknown-linux-gnu'

await main(async () => {
  const library = (await must('gcc', ['-print-file-name=libasan.so'], { capture: true })).trim()
  if (!existsSync(library))
    throw new Failure('no libasan.so: install gcc with its sanitizers (apt install gcc libasan8)')
  const env = { RUSTC_BOOTSTRAP: '1', RUSTFLAGS: '-Zsanitizer=address -Cforce-frame-pointers=yes' }
  const packages = ['texample', 'bridge-cases'].flatMap((name) => ['--package', name])
  await must('cargo', ['build', '--target', target, '--target-dir', 'target/asan', '--lib', ...packages], { env })

  await withTemporary('asan', async (folder) => {
    const [addon, cases] = ['texample', 'bridge-cases'].map((name) => path.join(folder, `${name}.node`))
    const made = path.join(root, 'target/asan', target, 'debug')
    await copyFile(path.join(made, libraryOf('texample')), addon)
    await copyFile(path.join(made, libraryOf('bridge-cases')), cases)
    await testAll(
      folder,
      { ...ownScenarios(), ...(await bridgeScenarios(cases)) },
      {
        // Node leaks at its end, so a leak is no failure in itself; an error is, and aborts. Freed
        // memory is kept for a while, which one scenario would take for a leak: 4 MB of it, not
        // 256.
        ASAN_OPTIONS: `detect_leaks=1:exitcode=0:abort_on_error=1:quarantine_size_mb=4:log_path=${path.join(folder, 'log')}`,
        LD_PRELOAD: await realpath(library),
        NAPI_RS_NATIVE_LIBRARY_PATH: addon,
      },
    )
  })
})

async function testAll(folder, scenarios, env) {
  const failures = []
  let reports = 0
  const names = Object.keys(scenarios).filter((name) => !scenarios[name].long)
  for (const name of names) {
    const failure = await runScenario(name, scenarios[name], { env, timeout: 240_000 }).then(
      () => undefined,
      (error) => error.message,
    )
    const { leaks, found } = await takeLogs(folder)
    reports += found
    const wrong = [failure, ...leaks].filter((text) => text !== undefined)
    console.log(wrong.length === 0 ? `clean  ${name}` : `FAIL   ${name}\n${wrong.join('\n')}`)
    if (wrong.length > 0) failures.push(name)
  }
  console.log(
    `${names.length - failures.length} of ${names.length} clean; ${reports} leaks of Node itself, none of them ours`,
  )
  // Node always has some: none at all means that nothing was checked.
  if (reports === 0) throw new Failure('LeakSanitizer reported nothing, not even what Node leaks: it did not run')
  if (failures.length > 0) throw new Failure(`not clean: ${failures.join('; ')}`)
}

/**
 * The leaks that the sanitizer has logged: how many, and those of memory that this crate asked for.
 */
async function takeLogs(folder) {
  const leaks = []
  let found = 0
  for (const name of (await readdir(folder)).filter((name) => name.startsWith('log.'))) {
    const file = path.join(folder, name)
    for (const report of (await readFile(file, 'utf8')).split(/\n\n/)) {
      if (!/^(Direct|Indirect) leak/m.test(report)) continue
      found++
      if (isOurs(report)) leaks.push(report)
    }
    await rm(file)
  }
  return { leaks, found }
}

/** Whether a stack that ends in an allocation passes through this crate before it comes to Node. */
function isOurs(report) {
  const frames = report.split('\n').filter((line) => /^\s+#\d+ /.test(line))
  const allocated = frames.findIndex((frame) => !/libsanitizer|libasan/.test(frame))
  const foreign = frames.findIndex((frame, index) => index >= allocated && /\/node\+0x|\/libc\.so/.test(frame))
  const own = frames.slice(allocated, foreign === -1 ? undefined : foreign)
  return own.some((frame) => /texample|bridge.cases/.test(frame))
}
