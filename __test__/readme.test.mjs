/**
 * Every code block of every page runs as pasted, and prints what stands below it. The few that
 * something else runs are named here.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { launchChromium } from '../devtools/chromium.mjs'
import { startStandalone } from '../devtools/mongod.mjs'
import { freePair } from '../devtools/ports.mjs'
import { examplesOf } from './support/examples.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...(await readdir(path.join(root, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
]
/** Blocks that are too large for a test, by their first line, and what runs them all the same. */
const elsewhere = {
  'npm install texample': 'install.test.mjs installs the packed package',
  'npm start    # the page above, at http://127.0.0.1:3000/': 'demo.test.mjs starts the demo, and .ci/run is npm test',
  'apt-get install build-essential python3-pip libnss3 libcurl4 libssl3':
    '.ci/run installs the libraries, and could not run without the others',
  'npx texample build': 'install.test.mjs builds an installed copy',
  'RUSTFLAGS="--cfg loom" cargo test --package texample-bridge --release \\': 'a part of npm test',
}
/** Kinds of blocks that are files of a test runner. `service` is a server that SIGTERM ends. */
const RUNNERS = ['jest', 'vitest', 'node-test']
/** How blocks name a server of MongoDB. */
const MONGODB = 'mongodb://127.0.0.1:27017/'
const all = pages.map((name) => ({ name, examples: examplesOf(path.join(root, name), name) }))

// Inside the package, so that examples find `texample` and the peers by name.
await mkdir(path.join(root, 'target'), { recursive: true })
const folder = await mkdtemp(path.join(root, 'target', 'examples-'))
/** @type {Awaited<ReturnType<typeof startStandalone>> | undefined} */
let mongod
after(async () => {
  await mongod?.stop()
  await rm(folder, { recursive: true, force: true })
})

it('each block that something else runs is there', () => {
  const blocks = all.flatMap(({ examples }) => examples.map(({ code }) => code.split('\n')[0]))
  assert.deepEqual(
    Object.keys(elsewhere).filter((first) => !blocks.includes(first)),
    [],
  )
})

for (const { name, examples } of all) {
  describe(name, () => {
    /** The server that the page examples after it talk to. */
    let server
    after(() => server?.stop())

    for (const [index, example] of examples.entries()) {
      const { where, language, kind, code, prints } = example
      if (['js', 'mjs', 'cjs'].includes(language) && kind === 'server') {
        it(`${where} serves as pasted`, async () => {
          server?.stop()
          server = await serve(code, index)
        })
      } else if (language === 'js' && kind === 'service') {
        it(`${where} serves, and gives its ids back on SIGTERM`, async () => {
          const file = await write(code, language, index)
          const answers = [await serveOnce(file, code, prints), await serveOnce(file, code, prints)]
          assert.deepEqual(answers, ['order 1000', 'order 1001'])
        })
      } else if (language === 'js' && RUNNERS.includes(kind)) {
        it(`${where} passes as a test file`, () => runTests(code, kind, index))
      } else if (['js', 'mjs', 'cjs'].includes(language) && kind === 'page') {
        it(`${where} runs in a browser as pasted`, async () => {
          const printed = await inBrowser(server, code)
          if (prints !== undefined) assert.equal(printed, prints)
        })
      } else if (kind === 'addon' || ['toml', 'rust'].includes(language)) {
        it(`${where} is a part of the add-on that bridge-docs.test.mjs makes`, () =>
          assert.equal(name, 'docs/bridge.md'))
      } else if (['js', 'mjs', 'cjs'].includes(language)) {
        it(`${where} runs as pasted`, async () => {
          const runnable = code.includes(MONGODB) ? await withMongod(code) : code
          const program = start(await write(runnable, language, index))
          const [exitCode] = await once(program.child, 'close')
          assert.equal(exitCode, 0, program.output())
          if (prints !== undefined) assert.equal(program.output(), prints)
        })
      } else if (language === 'json') {
        it(`${where} is JSON`, () => void JSON.parse(code))
      } else if (language === 'sh' && elsewhere[code.split('\n')[0]] === undefined) {
        it(`${where} runs as pasted`, () => runShell(code))
      } else if (language === 'sh') {
        it(`${where} names scripts that exist, and is run elsewhere`, async () => {
          const { scripts } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'))
          for (const [, word, script] of code.matchAll(/\bnpm (run )?([\w:]+)/g)) {
            if (word !== undefined || ['start', 'test'].includes(script))
              assert.ok(script in scripts, `npm run ${script}`)
          }
        })
      } else if (language === 'html') {
        it(`${where} is a page that works as pasted`, async () => {
          assert.ok(prints, 'what it shows must stand below it')
          await asPage(server, code, prints, kind === 'save' ? savesAndOpens : undefined)
        })
      } else if (!['', 'text'].includes(language)) {
        it(`${where} is run`, () => assert.fail(`nothing runs a block of ${language}`))
      }
    }
  })
}

it('every link of every page leads somewhere', async () => {
  const texts = new Map(
    await Promise.all(pages.map(async (name) => [name, await readFile(path.join(root, name), 'utf8')])),
  )
  for (const [name, text] of texts) {
    const prose = text.replace(/^```[\s\S]*?^```$/gm, '')
    for (const [, link] of prose.matchAll(/(?:\]\(|(?:src|srcset|href)=")([^)"\s]+)[)"]/g)) {
      if (/^[a-z]+:/.test(link)) continue
      const [file, anchor] = link.split('#')
      const target = file === '' ? name : path.posix.join(path.posix.dirname(name), file)
      await access(path.join(root, target)).catch(() => assert.fail(`${name} links to ${link}`))
      const headings = [...(texts.get(target) ?? '').matchAll(/^#+ (.+)$/gm)].map(([, heading]) => slug(heading))
      if (anchor) assert.ok(headings.includes(anchor), `${name} links to ${link}; there is: ${headings.join(', ')}`)
    }
  }
})

/** The anchor of a heading, as GitHub makes it. */
function slug(heading) {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

/** Writes a block as a program in a folder of its own, so that each starts with no database. */
async function write(code, language, index) {
  const home = await mkdtemp(path.join(folder, `${index}-`))
  const isCommonJS =
    language === 'cjs' || (!/^(import|export) |^(const .* = )?await /m.test(code) && /\brequire\(/.test(code))
  const file = path.join(home, isCommonJS ? 'example.cjs' : 'example.mjs')
  await writeFile(file, code)
  return file
}

/**
 * Starts a program in its own folder; it has a minute.
 * @param {string | string[]} file or Node's arguments
 */
function start(file, { cwd = path.dirname(String(file)), env = process.env } = {}) {
  const { TEXAMPLE_IDS_URL, NODE_TEST_CONTEXT, ...rest } = env
  const child = spawn(process.execPath, [file].flat(), {
    cwd,
    env: { ...rest, NODE_ENV: 'development', NO_COLOR: '1' },
    timeout: 60_000,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  return { child, output: () => output }
}

/** Runs a block of shell commands, with the command line of this checkout as `npx texample`. */
async function runShell(code) {
  const home = await mkdtemp(path.join(folder, 'shell-'))
  const cli = path.join(root, 'js', 'cli.cjs')
  const shell = code.replaceAll('npx texample', `"${process.execPath}" "${cli}"`)
  const child = spawn('bash', ['-euo', 'pipefail', '-c', shell], { cwd: home, timeout: 60_000 })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const [exitCode] = await once(child, 'close')
  assert.equal(exitCode, 0, output)
}

/** A block that names a server of MongoDB, with that of the tests. */
async function withMongod(code) {
  mongod ??= await startStandalone()
  return code.replaceAll(MONGODB, mongod.uri)
}

/** Starts a service, asks it once and ends it; what it answered. */
async function serveOnce(file, code, prints) {
  const port = await freePair()
  await writeFile(file, withPorts(code, port))
  const program = start(file)
  await listening(program)
  const answer = await (await fetch(`http://127.0.0.1:${port + 1}/`)).text()
  program.child.kill('SIGTERM')
  const [exitCode] = await once(program.child, 'close')
  assert.equal(exitCode, 0, program.output())
  assert.equal(program.output(), prints)
  return answer
}

/** Runs a block as a file of a test runner. */
async function runTests(code, runner, index) {
  const home = await mkdtemp(path.join(folder, `${index}-`))
  const file = path.join(home, runner === 'jest' ? 'example.test.cjs' : 'example.test.mjs')
  await writeFile(file, await withMongod(code))
  // The runners have add-ons of their own, which the variable that names ours would replace.
  const { NAPI_RS_NATIVE_LIBRARY_PATH: addon, ...env } = process.env
  const own = addon === undefined ? {} : { NAPI_RS_NATIVE_LIBRARY_PATH: addon }
  const setup = path.join(home, 'setup.cjs')
  await writeFile(setup, `Object.assign(process.env, ${JSON.stringify(own)})\n`)
  await writeFile(path.join(home, 'vitest.config.mjs'), `export default ${JSON.stringify({ test: { env: own } })}\n`)
  const config = JSON.stringify({ rootDir: home, testMatch: ['**/*.test.cjs'], setupFiles: [setup] })
  const modules = path.join(root, 'node_modules')
  const args = {
    jest: [path.join(modules, 'jest', 'bin', 'jest.js'), '--config', config],
    vitest: [path.join(modules, 'vitest', 'vitest.mjs'), 'run', '--root', home],
    'node-test': ['--require', setup, '--test', file],
  }[runner]
  const program = start(args, { cwd: home, env })
  const [exitCode] = await once(program.child, 'close')
  assert.equal(exitCode, 0, program.output())
  const count = [...code.matchAll(/^ *test\(/gm)].length
  const passed = { jest: /Tests: +(\d+) passed/, vitest: /Tests +(\d+) passed/, 'node-test': /pass (\d+)/ }[runner]
  assert.ok(Number(passed.exec(program.output())?.[1]) >= count, program.output())
}

/**
 * Starts a server on a free port in place of the one it names; resolves when it says that it
 * listens.
 */
async function serve(code, index) {
  const port = await freePair()
  const program = start(await write(withPorts(code, port), 'js', index))
  await listening(program)
  return { port, stop: () => program.child.kill() }
}

/** Resolves when a program says that it listens. */
function listening(program) {
  return new Promise((resolve, reject) => {
    program.child.stdout.on('data', () => program.output().includes('listening') && resolve(undefined))
    program.child.once('exit', (exitCode) => reject(new Error(`ended with ${exitCode}: ${program.output()}`)))
  })
}

/** The examples' ports, 3000 for the page and 3001 for the data, as free ones. */
function withPorts(code, port) {
  return code.replace(/\b300([01])\b/g, (_, digit) => String(port + Number(digit)))
}

/**
 * Runs a block as a module of a page, which finds the client where a bundler would; what it logged.
 */
async function inBrowser(server, code) {
  const imports = { 'texample/client': '/texample/index.mjs', 'texample/client/robust': '/texample/robust.mjs' }
  const html = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`
  return withPage(server, html, async (page, printed) => {
    await page.addScriptTag({ type: 'module', content: `${withPorts(code, server.port)}\nwindow.isDone = true` })
    await page
      .waitForFunction('window.isDone', undefined, { timeout: 20_000 })
      .catch(() => assert.fail(`did not end: ${printed()}`))
    return printed()
  })
}

/**
 * Shows a block as a page, until it has shown or logged what it should.
 * @param {(page: import('playwright-core').Page) => Promise<void>} [then]
 */
async function asPage(running, code, prints, then) {
  // A page that asks no server needs a port all the same.
  const server = running ?? { port: await freePair() }
  await withPage(server, withPorts(code, server.port), async (page, printed) => {
    const shown = async () => `${printed()}${await page.evaluate(() => document.body.innerText)}`
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; await page.waitForTimeout(20)) {
      if ((await shown()).trim() === prints.trim()) return then?.(page)
    }
    assert.equal(await shown(), prints)
  })
}

/** Saves what the page of docs/saved-state.md shows, changes it and opens the picture, twice. */
async function savesAndOpens(page) {
  const text = page.locator('textarea')
  const saved = await text.inputValue()
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')])
  const file = path.join(folder, 'state.png')
  await download.saveAs(file)
  const png = (await readFile(file)).toString('base64')
  for (const open of [() => page.setInputFiles('#picture', file), () => page.evaluate(drop, png)]) {
    await text.fill('')
    await open()
    await page.waitForFunction((value) => document.querySelector('textarea').value === value, saved)
  }
}

/** Runs in a page: drops a picture into it. */
function drop(base64) {
  const dataTransfer = new DataTransfer()
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  dataTransfer.items.add(new File([bytes], 'state.png', { type: 'image/png' }))
  document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
}

/**
 * Opens a page of the origin beside the server's, where /texample/ is the client, as an application
 * would serve it.
 */
async function withPage(server, html, body) {
  assert.ok(server, 'a page example needs a server example before it')
  const site = createServer(async ({ url }, response) => {
    if (url === '/') return response.setHeader('Content-Type', 'text/html; charset=utf-8').end(html)
    // Some browsers ask for it, and log that it is missing.
    if (url === '/favicon.ico') return response.writeHead(204).end()
    if (!url.startsWith('/texample/')) return response.writeHead(404).end()
    const file = path.join(root, 'js', 'client', path.basename(url))
    response.setHeader('Content-Type', 'text/javascript').end(await readFile(file))
  }).listen(server.port, '127.0.0.1')
  await once(site, 'listening')
  const browser = await launchChromium()
  try {
    const page = await browser.newPage()
    let printed = ''
    page.on('console', (message) => (printed += `${message.text()}\n`))
    await page.goto(`http://127.0.0.1:${server.port}/`)
    return await body(page, () => printed)
  } finally {
    await browser.close()
    site.close()
  }
}
