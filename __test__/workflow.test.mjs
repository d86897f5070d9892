/**
 * The scripts of the workflow, each run on a copy of this checkout with stand-ins for what reaches
 * beyond it (see support/stand-in.mjs): so that the first run on GitHub finds no typing error.
 */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { load } from 'js-yaml'
import { build } from '../scripts/build.mjs'
import { copyCheckout } from '../scripts/checkout.mjs'
import { targets } from '../scripts/prebuilt.mjs'
import { temporaryFolder } from './support/folder.mjs'
import { elf, macho, pe } from './support/libraries.mjs'
import { linkStandIn } from './support/stand-in.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const { platform } = createRequire(import.meta.url)('../js/native/platform.cjs')
const { jobs } = load(await readFile(path.join(root, '.github', 'workflows', 'ci.yml'), 'utf8'))
const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'))
const standIns = ['apt-get', 'docker', 'dpkg', 'git', 'node', 'npm', 'python3', 'rustup']

await build()
const temporary = temporaryFolder()
const bin = path.join(temporary, 'bin')
await mkdir(bin)
for (const name of standIns) linkStandIn(path.join(bin, name))

/** A machine's checkout before the first script, and what scripts called since. */
async function machine() {
  const folder = await mkdtemp(path.join(temporary, 'machine-'))
  const checkout = path.join(folder, 'checkout')
  await copyCheckout(checkout)
  const log = path.join(folder, 'log')
  await writeFile(log, '')
  const calls = async () =>
    (await readFile(log, 'utf8'))
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  const env = {
    HOME: path.join(folder, 'home'),
    PATH: `${bin}${path.delimiter}${process.env.PATH}`,
    GITHUB_REF_NAME: `v${version}`,
    GITHUB_WORKSPACE: checkout,
    STAND_IN_LOG: log,
    STAND_IN_MODULES: path.join(root, 'node_modules'),
    STAND_IN_PATH: process.env.PATH,
  }
  return { checkout, env, calls }
}

/** Runs a script as GitHub does on Linux. */
async function runScript(script, { checkout, env }, matrix = {}) {
  const text = script.replace(/\$\{\{\s*matrix\.(\w+)\s*\}\}/g, (_, name) => {
    assert.ok(name in matrix, `the matrix has no ${name}`)
    return matrix[name]
  })
  assert.doesNotMatch(text, /\$\{\{/, 'only the matrix is known here')
  const options = { cwd: checkout, env, timeout: 200_000, maxBuffer: 2 ** 26 }
  return new Promise((resolve) => {
    execFile('bash', ['-e', '-c', text], options, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? error.signal) : 0, output: `${stdout}${stderr}` })
    })
  })
}

const scriptsOf = (job) => jobs[job].steps.flatMap(({ run }) => (run === undefined ? [] : [run]))

/** The machines of a job that are Linux, as those of another system cannot be had here. */
function onLinux(job) {
  const { strategy } = jobs[job]
  const all = strategy?.matrix.include ?? [{ os: jobs[job]['runs-on'] }]
  return all.filter(({ os }) => os.startsWith('ubuntu-'))
}

/** Runs all scripts of a job, on a new machine. */
async function runJob(job, matrix, prepare = async (_) => {}) {
  const made = await machine()
  await prepare(made)
  for (const script of scriptsOf(job)) {
    const { code, output } = await runScript(script, made, matrix)
    assert.equal(code, 0, `${script}\n${output}`)
  }
  return made
}

/** Puts the add-ons where the workflow downloads them to. */
async function downloadAll({ checkout }) {
  const folder = path.join(checkout, 'target', 'prebuilt')
  await mkdir(folder, { recursive: true })
  for (const { platform } of targets()) {
    const [os, cpu, libc] = platform.split('-')
    const library = {
      linux: () =>
        elf({ cpu, libraries: libc === 'gnu' ? ['libc.so.6'] : [], versions: libc === 'gnu' ? ['GLIBC_2.17'] : [] }),
      darwin: () => macho({ cpu, libraries: [], macos: [11, 0], isSigned: true }),
      win32: () => pe({ cpu, libraries: [], windows: [6, 0] }),
    }[os]
    await writeFile(path.join(folder, `texample.${platform}.node`), library())
  }
}

async function nameRepository({ checkout }) {
  const file = path.join(checkout, 'package.json')
  const manifest = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...manifest, repository: 'github:texample/texample' }))
}

it('every job is run here, on the machines that are Linux', () => {
  assert.deepEqual(Object.keys(jobs), ['test', 'build', 'run', 'run-musl', 'publish'])
  for (const job of Object.keys(jobs)) assert.ok(onLinux(job).length > 0 && scriptsOf(job).length > 0, job)
})

it('test: installs, then runs every check and test', async () => {
  const { calls } = await runJob('test', {})
  const npm = (await calls()).filter(([program]) => program === 'npm')
  assert.deepEqual(npm, [
    ['npm', 'run', 'check'],
    ['npm', 'test'],
    ['npm', 'run', 'test:browsers'],
  ])
})

for (const matrix of onLinux('build')) {
  it(`build: makes the add-on for ${matrix.target} that is uploaded`, async () => {
    const { checkout } = await runJob('build', matrix)
    const { path: uploaded } = jobs.build.steps.find(({ uses }) => uses?.startsWith('actions/upload-artifact')).with
    const { addon } = targets().find(({ triple }) => triple === matrix.target)
    assert.equal(path.dirname(uploaded), path.dirname(path.relative(root, addon)))
    assert.ok((await readFile(path.join(checkout, path.relative(root, addon)))).length > 0)
  })
}

for (const job of ['run', 'run-musl']) {
  it(`${job}: runs the tests with the add-on that is downloaded`, async () => {
    const { calls } = await runJob(job, onLinux(job)[0], async ({ checkout }) => {
      const { path: folder } = jobs[job].steps.find(({ uses }) => uses?.startsWith('actions/download-artifact')).with
      const name = `texample.${platform()}.node`
      const addon = process.env.NAPI_RS_NATIVE_LIBRARY_PATH ?? path.join(root, 'js', 'native', name)
      await copyFile(addon, path.join(checkout, folder, name))
    })
    assert.ok((await calls()).some(([program, script]) => program === 'node' && script === 'scripts/portable.mjs'))
  })
}

it('publish: each missing package once, the main one last', async () => {
  const made = await runJob('publish', {}, async (made) => {
    await downloadAll(made)
    await nameRepository(made)
  })
  const published = async () => {
    const calls = await made.calls()
    return calls
      .filter(([program, verb]) => program === 'npm' && verb === 'publish')
      .map(([, , file]) => path.basename(file))
  }
  const first = await published()
  const expected = targets().map(({ platform }) => `texample-${platform}-${version}.tgz`)
  assert.deepEqual(first.slice(0, -1).sort(), expected.sort())
  assert.equal(first.at(-1), `texample-${version}.tgz`)
  // The second try at a tag.
  const { code } = await runScript(scriptsOf('publish').at(-1), {
    ...made,
    env: { ...made.env, STAND_IN_PUBLISHED: version },
  })
  assert.equal(code, 0)
  assert.deepEqual(await published(), first)
})

it('publish: stops at a wrong version or no repository', async () => {
  const [checkVersion, checkRepository] = scriptsOf('publish')
  const made = await machine()
  const other = { ...made, env: { ...made.env, GITHUB_REF_NAME: 'v0.0.1' } }
  assert.equal((await runScript(checkVersion, made)).code, 0)
  assert.equal((await runScript(checkVersion, other)).code, 1)
  const { code, output } = await runScript(checkRepository, made)
  assert.equal(code, 1)
  assert.match(output, /package\.json has no repository field/)
  await nameRepository(made)
  assert.equal((await runScript(checkRepository, made)).code, 0)
})

it('publish: stops when a package is missing', async () => {
  const made = await machine()
  await symlink(path.join(root, 'node_modules'), path.join(made.checkout, 'node_modules'))
  await downloadAll(made)
  await rm(path.join(made.checkout, 'target', 'prebuilt', `texample.${targets()[0].platform}.node`))
  assert.notEqual((await runScript(scriptsOf('publish').at(-1), made)).code, 0)
  assert.ok(!(await made.calls()).some(([program, verb]) => program === 'npm' && verb === 'publish'))
})
