/**
 * `npm run test:windows`: the package for Windows x64, installed and tested on Linux by Windows' Node.js 20 and 24.
 * `npm run test:windows -- 24 ids cli`: only that line, and only the test files whose name is one of the words.
 * `-- --prebuilt`: with the add-on that is in target/windows; none is built.
 *
 * Windows is wine (scripts/wine.mjs), so what stands in `exceptions` is wine's or this arrangement's. The add-on is built
 * by Zig; the one that is published is built by Visual C++ from the same sources (scripts/prebuilt.mjs).
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { startStandalone } from '../devtools/mongod.mjs'
import { Failure, main, must, root } from './command.mjs'
import { install } from './install.mjs'
import { pack } from './pack.mjs'
import { buildPrebuilt, checkPrebuilt, windowsOnLinux } from './prebuilt.mjs'
import { nodeFolder, nodeLines, Windows, windowsPath } from './wine.mjs'

const folder = path.join(root, 'target', 'windows')
const checkout = path.join(folder, 'checkout')
const system = ['--os=win32', '--cpu=x64', '--ignore-scripts']

/** Minutes that all files of one line may take; each has a limit of its own too. */
const longest = 40

/**
 * Tests that fail here although nothing is wrong, by file and name, with the reason. One that passes after all, or is not
 * there any more, is an error too: the list stays true.
 * @type {Record<string, Record<string, string>>}
 */
const exceptions = {}

await main(async () => {
  const words = process.argv.slice(2).filter((word) => !word.startsWith('--'))
  const chosen = words.filter((word) => /^\d+$/.test(word)).map(Number)
  const files = words.filter((word) => !/^\d+$/.test(word))
  const unknown = chosen.find((line) => !nodeLines.includes(line))
  if (unknown !== undefined) throw new Failure(`there is no Node.js ${unknown} here; there are: ${nodeLines}`)

  await install()
  await (process.argv.includes('--prebuilt') ? checkPrebuilt(windowsOnLinux) : buildPrebuilt(windowsOnLinux))
  await copyCheckout()
  const packages = path.join(folder, 'packages')
  await rm(packages, { recursive: true, force: true })
  await mkdir(packages)
  for (const file of await pack({ [windowsOnLinux.platform]: windowsOnLinux.addon })) {
    await cp(file, path.join(packages, path.basename(file)))
  }

  const mongod = await startStandalone()
  const windows = await Windows.start()
  const end = async () => {
    await windows.end()
    await mongod.stop()
  }
  const interrupted = () => end().finally(() => process.exit(130))
  process.once('SIGINT', interrupted)
  const complaints = []
  try {
    for (const line of chosen.length > 0 ? chosen : nodeLines) {
      console.log(`\n== Node.js ${line} for Windows`)
      complaints.push(...(await test(windows, line, files, { packages, mongodb: mongod.uri })))
      if (files.length === 0) await testInterrupt(windows, line)
    }
  } finally {
    process.off('SIGINT', interrupted)
    await end()
  }
  if (complaints.length > 0) throw new Failure(complaints.join('\n'))
  console.log('\nall passed, but for these:')
  for (const [file, names] of Object.entries(exceptions)) {
    for (const [name, reason] of Object.entries(names)) console.log(`${file}: ${name}: ${reason}`)
  }
})

/** What differs from what is expected of the portable tests. */
async function test(windows, line, files, { packages, mongodb }) {
  const node = await nodeFolder(line)
  const out = path.join(folder, `results-${line}.json`)
  await rm(out, { force: true })
  const args = [windowsPath(path.join(checkout, 'scripts', 'portable.mjs')), '--results', windowsPath(out), ...files]
  const { code, output } = await windows.run(path.join(node, 'node.exe'), args, {
    cwd: checkout,
    env: {
      WINEPATH: windowsPath(node),
      NAPI_RS_NATIVE_LIBRARY_PATH: windowsPath(windowsOnLinux.addon),
      TEXAMPLE_TEST_PACKAGES: windowsPath(packages),
      TEXAMPLE_TEST_MONGODB: mongodb,
    },
    timeout: longest * 60_000,
  })
  console.log(output)
  const results = await readFile(out, 'utf8').catch(() => undefined)
  if (results === undefined) return [`Node.js ${line}: ended with exit code ${code} before all files had run`]
  return differences(JSON.parse(results)).map((text) => `Node.js ${line}: ${text}`)
}

/** @param {import('./portable.mjs').Result[]} results */
function differences(results) {
  const wrong = []
  for (const { file, name, passed } of results) {
    const isException = exceptions[file]?.[name] !== undefined
    if (passed && isException) wrong.push(`${file}: "${name}" passes, and is listed as an exception`)
    if (!passed && !isException) wrong.push(`${file}: "${name}" failed`)
  }
  for (const [file, names] of Object.entries(exceptions)) {
    const run = results.filter((result) => result.file === file)
    for (const name of run.length > 0 ? Object.keys(names) : []) {
      if (!run.some((result) => result.name === name))
        wrong.push(`${file} has no test "${name}", which is an exception`)
    }
  }
  return wrong
}

/** Ctrl-C in a console ends the command line, with a native thread at work. */
async function testInterrupt(windows, line) {
  const node = path.join(await nodeFolder(line), 'node.exe')
  const cli = windowsPath(path.join(checkout, 'js', 'cli.cjs'))
  const { command, args, env } = windows.command(node, [cli, 'tick', '--interval', '50'], {
    NAPI_RS_NATIVE_LIBRARY_PATH: windowsPath(windowsOnLinux.addon),
    TERM: 'xterm',
  })
  const quoted = [command, ...args].map((word) => `'${word}'`).join(' ')
  // `script` is a terminal whose keyboard is this pipe.
  const terminal = spawn('script', ['--quiet', '--return', '--command', quoted, '/dev/null'], { cwd: folder, env })
  let shown = ''
  terminal.stdout.setEncoding('utf8').on('data', (text) => {
    shown += text
    if (/\b3\b/.test(shown)) terminal.stdin.write('\x03')
  })
  terminal.stdin.on('error', () => {})
  const deadline = setTimeout(() => terminal.kill(), 60_000)
  const [code, signal] = await once(terminal, 'close').finally(() => clearTimeout(deadline))
  if (signal !== null) throw new Failure(`Node.js ${line}: Ctrl-C did not end "texample tick" within 60 s:\n${shown}`)
  console.log(`Ctrl-C ends "texample tick", exit code ${code}`)
}

/** The files of this checkout, with the packages of node_modules as npm installs them on Windows. */
async function copyCheckout() {
  await mkdir(checkout, { recursive: true })
  for (const name of await readdir(checkout)) {
    if (name !== 'node_modules') await rm(path.join(checkout, name), { recursive: true })
  }
  const listed = await must('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { capture: true })
  for (const name of listed.split('\0').filter((name) => name !== '')) {
    await cp(path.join(root, name), path.join(checkout, name))
  }
  await install(checkout, system)
}
