/**
 * `npm run test:windows`: the package for Windows x64, installed and tested on Linux by Windows'
 * Node.js 20 and 24. `npm run test:windows -- 24 ids cli`: only that line, and only the test files
 * whose name is one of the words. `-- --prebuilt`: with the add-on that is in target/windows; none
 * is built.
 *
 * Windows is wine (scripts/wine.mjs), with MongoDB on this system; `exceptions` names the tests
 * that need more. The add-on is built by Zig; what is published is built by Visual C++ from
 * the same sources (scripts/prebuilt.mjs).
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { copyCheckout } from './checkout.mjs'
import { chosen, commandLine, Failure, main, root } from './command.mjs'
import { install } from './install.mjs'
import { pack } from './pack.mjs'
import { buildPrebuilt, checkPrebuilt, windowsOnLinux } from './prebuilt.mjs'
import { portableTestFiles } from './stages.mjs'
import { nodeFolder, nodeLines, Windows, windowsPath } from './wine.mjs'

const folder = path.join(root, 'target', 'windows')
const checkout = path.join(folder, 'checkout')
const system = ['--os=win32', '--cpu=x64', '--ignore-scripts']

/** Milliseconds; wine starts a process in one or two seconds. */
const fileTimeout = 600_000

const noLinks = 'wine says that it made a symbolic link, and makes none'
const noMongod = 'there is no mongod for Windows here, and it needs one with settings of its own'

/**
 * Tests that fail here although nothing is wrong, by file and name, with the reason. One that
 * passes after all, or is not there any more, is an error too: the list stays true.
 * @type {Record<string, Record<string, string>>}
 */
const exceptions = {
  'ids-files.test.mjs': {
    'a symbolic link to an application’s file is refused': noLinks,
  },
  'ids-mongo.test.mjs': {
    'wrong credentials are told at once, and not shown': noMongod,
    'TLS as the URL says': noMongod,
  },
  'ids-sqlite.test.mjs': {
    'a symbolic link is the file, in every process': noLinks,
  },
  'install.test.mjs': {
    'is one that cargo builds inside of another workspace too': 'there is no cargo for Windows here',
  },
}

/**
 * Files that a line of Node.js cannot run here, with the reason.
 * @type {Record<number, Record<string, string>>}
 */
const absent = {
  20: { 'ids-shared-file': 'better-sqlite3 is on npm without a binary for Windows; Node.js 24 has a SQLite' },
}

await main(async () => {
  const { words, prebuilt } = commandLine({ prebuilt: 'boolean' })
  const isNumber = (word) => /^\d+$/.test(word)
  const files = words.filter((word) => !isNumber(word))
  const lines = chosen('Node.js', words.filter(isNumber), nodeLines)

  await install()
  const { startStandalone } = await import('../devtools/mongod.mjs')
  await (prebuilt ? checkPrebuilt(windowsOnLinux) : buildPrebuilt(windowsOnLinux))
  await makeCheckout()
  const packages = path.join(folder, 'packages')
  await rm(packages, { recursive: true, force: true })
  await mkdir(packages)
  for (const file of await pack({ [windowsOnLinux.platform]: windowsOnLinux.addon })) {
    await cp(file, path.join(packages, path.basename(file)))
  }

  const complaints = []
  for (const line of lines) {
    console.log(`\n== Node.js ${line} for Windows`)
    const mongod = await startStandalone({ testCommands: true })
    const windows = new Windows()
    // Runs once: after a signal the pending step fails too, and calls it again.
    let ended
    const end = () => (ended ??= Promise.all([windows.end(), mongod.stop()]))
    const interrupted = () => end().finally(() => process.exit(130))
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupted)
    try {
      await windows.start()
      const env = { TEXAMPLE_TEST_PACKAGES: windowsPath(packages), TEXAMPLE_TEST_MONGODB: mongod.uri }
      complaints.push(...(await test(windows, line, files, env)))
      if (files.length === 0) complaints.push(...(await testInterrupt(windows, line)))
    } finally {
      await end()
      for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupted)
    }
  }
  if (complaints.length > 0) throw new Failure(complaints.join('\n'))
  console.log('\nall passed, but for these:')
  for (const [file, names] of Object.entries(exceptions)) {
    for (const [name, reason] of Object.entries(names)) console.log(`${file}: ${name}: ${reason}`)
  }
  for (const [line, names] of Object.entries(absent)) {
    for (const [name, reason] of Object.entries(names)) console.log(`Node.js ${line}: ${name}: ${reason}`)
  }
})

/** Runs the portable test files, and says what differs from what is expected of them. */
async function test(windows, line, files, env) {
  const node = await nodeFolder(line)
  const out = path.join(folder, 'results.json')
  const complaints = []
  const all = portableTestFiles({ platform: 'win32', mongodb: true })
  const names = [
    ...Object.keys(exceptions).map((file) => file.replace('.test.mjs', '')),
    ...Object.keys(absent[line] ?? {}),
  ]
  const stale = names.filter((name) => !all.some((file) => file.name === name))
  if (stale.length > 0) throw new Failure(`there is no ${stale}, which is listed as an exception`)
  const wanted = all.filter(
    ({ name }) => (files.length === 0 || files.includes(name)) && absent[line]?.[name] === undefined,
  )
  if (wanted.length === 0) throw new Failure(`no portable test file is called ${files.join(' or ')}`)
  for (const { name } of wanted) {
    await rm(out, { force: true })
    const args = [windowsPath(path.join(checkout, 'scripts', 'portable.mjs')), '--results', windowsPath(out), name]
    const started = performance.now()
    const { output } = await windows.run(path.join(node, 'node.exe'), args, {
      cwd: checkout,
      env: { WINEPATH: windowsPath(node), NAPI_RS_NATIVE_LIBRARY_PATH: windowsPath(windowsOnLinux.addon), ...env },
      timeout: fileTimeout,
    })
    const results = existsSync(out) ? JSON.parse(await readFile(out, 'utf8')) : []
    const wrong = results.length > 0 ? differences(results) : ['did not come to its end']
    if (wrong.length > 0) console.log(output)
    const count = results.filter(({ passed }) => passed).length
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(`${wrong.length === 0 ? 'ok  ' : 'FAIL'} ${name}: ${count} of ${results.length} passed, ${seconds} s`)
    complaints.push(...wrong.map((text) => `Node.js ${line}: ${name}: ${text}`))
  }
  return complaints
}

/** @param {import('./portable.mjs').Result[]} results */
function differences(results) {
  const wrong = []
  for (const { file, name, passed } of results) {
    const isException = exceptions[file]?.[name] !== undefined
    if (passed && isException) wrong.push(`"${name}" passes, and is listed as an exception`)
    if (!passed && !isException) wrong.push(`"${name}" failed`)
  }
  for (const [file, names] of Object.entries(exceptions)) {
    const run = results.filter((result) => result.file === file)
    for (const name of run.length > 0 ? Object.keys(names) : []) {
      if (!run.some((result) => result.name === name))
        wrong.push(`there is no test "${name}", which is listed as an exception`)
    }
  }
  return wrong
}

/** Whether Ctrl-C in a console ends the command line, with a native thread at work. */
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
    if (shown.includes('3\r')) terminal.stdin.write('\x03')
  })
  terminal.stdin.on('error', () => {})
  const deadline = setTimeout(() => terminal.kill(), 60_000)
  const [code, signal] = await once(terminal, 'close').finally(() => clearTimeout(deadline))
  // What this system keeps of Windows' code for it, 0xC000013A.
  if (code === 0x3a) return []
  return [`Node.js ${line}: Ctrl-C did not end "texample tick", but ${signal ?? `exit code ${code}`}:\n${shown}`]
}

/**
 * The files of this checkout, with the packages of node_modules as npm installs them on Windows.
 */
async function makeCheckout() {
  await mkdir(checkout, { recursive: true })
  for (const name of await readdir(checkout)) {
    if (name !== 'node_modules') await rm(path.join(checkout, name), { recursive: true })
  }
  await copyCheckout(checkout)
  await install(checkout, system)
}
