/** The tarballs that would be published, installed into an empty folder and used there. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from '../scripts/build.mjs'
import { tool } from '../scripts/command.mjs'
import { pack } from '../scripts/pack.mjs'
import { targets } from '../scripts/prebuilt.mjs'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const { platform } = createRequire(import.meta.url)('../js/native/platform.cjs')
// Only the package's own add-on may be found by the programs below.
const { NAPI_RS_NATIVE_LIBRARY_PATH: given, ...env } = process.env
const addon = given ?? path.join(root, 'js', 'native', `texample.${platform()}.node`)

describe('the package, installed from its tarballs', () => {
  /** @type {string} */
  let folder
  /** @type {string[]} */
  let tarballs

  before(async () => {
    await build()
    tarballs = await pack({ [platform()]: addon })
    folder = await mkdtemp(path.join(tmpdir(), 'texample-install-'))
    await writeFile(path.join(folder, 'package.json'), '{ "private": true }')
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', ...tarballs], { cwd: folder })
  })
  after(() => rm(folder, { recursive: true, force: true }))

  /** Writes a program there and runs it. */
  async function program(name, source) {
    await writeFile(path.join(folder, name), source)
    const { stdout } = await run(process.execPath, [name], { cwd: folder, env })
    return stdout
  }
  const body = `
    const { fi } = decodeImageToData(encodeDataToImage({ fi: 'pöllö' }))
    const ids = openSequence('orders', { url: 'memory:' })
    start(async (i) => console.log(i, fi, await ids.nextId()), { interval: 1, count: 1 })`
  const names = 'decodeImageToData, encodeDataToImage, openSequence, start'

  it('works from CommonJS', async () => {
    assert.equal(await program('a.cjs', `const { ${names} } = require('texample')${body}`), '0 pöllö 1000\n')
  })

  it('works as an ES module', async () => {
    assert.equal(await program('a.mjs', `import { ${names} } from 'texample'${body}`), '0 pöllö 1000\n')
    assert.equal(
      await program('b.mjs', `import texample from 'texample'\nconst { ${names} } = texample${body}`),
      '0 pöllö 1000\n',
    )
  })

  it('works from TypeScript, in both kinds of module', async () => {
    await mkdir(path.join(folder, 'types'), { recursive: true })
    const typed = body.replace('decodeImageToData(', 'decodeImageToData<{ fi: string }>(')
    await writeFile(
      path.join(folder, 'types', 'a.mts'),
      `import texample, { ${names} } from 'texample'${typed}\nvoid texample.ticks`,
    )
    await writeFile(
      path.join(folder, 'types', 'b.cts'),
      `import texample = require('texample')\nconst { ${names} } = texample${typed}`,
    )
    await writeFile(
      path.join(folder, 'types', 'c.mts'),
      `import { queryXD } from 'texample/client'\nconst a: number = await queryXD<number>('/xd')\nvoid a`,
    )
    const typeRoots = path.join(root, 'node_modules', '@types')
    const options = [
      '--strict',
      '--noEmit',
      '--module',
      'node20',
      '--target',
      'es2023',
      '--lib',
      'es2023,esnext.disposable,dom',
    ]
    const files = ['a.mts', 'b.cts', 'c.mts'].map((name) => path.join('types', name))
    const tsc = [tool('typescript'), ...options, '--typeRoots', typeRoots, '--types', 'node', ...files]
    await run(process.execPath, tsc, { cwd: folder }).catch(({ stdout }) => assert.fail(stdout))
  })

  it('has a command', async () => {
    const bin = path.join(folder, 'node_modules', '.bin', 'texample')
    const { stdout } = await run(bin, ['tick', '-i', '1', '-n', '2'], { env })
    assert.equal(stdout, '0\n1\n')
  })

  it('names every platform package as an optional dependency of its own version, and runs no script', async () => {
    const manifest = JSON.parse(await readFile(path.join(folder, 'node_modules', 'texample', 'package.json'), 'utf8'))
    assert.equal(manifest.optionalDependencies[`texample-${platform()}`], manifest.version)
    assert.equal(manifest.dependencies, undefined)
    assert.equal(manifest.scripts, undefined)
  })

  it('has a package for each system, which npm installs on that system alone', async () => {
    for (const { triple, platform } of targets()) {
      const folder = path.join(root, 'target', 'packages', 'npm', platform)
      const manifest = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'))
      const [os, cpu] = platform.split('-')
      const libc = { gnu: ['glibc'], musl: ['musl'] }[triple.split('-').at(-1)]
      assert.equal(manifest.name, `texample-${platform}`)
      assert.deepEqual({ os: manifest.os, cpu: manifest.cpu, libc: manifest.libc }, { os: [os], cpu: [cpu], libc })
    }
  })

  it('holds nothing needless, and what a build from source takes', async () => {
    const installed = path.join(folder, 'node_modules', 'texample')
    const listed = await readdir(installed, { recursive: true })
    const tops = new Set(listed.map((name) => name.split(path.sep)[0]))
    const expected = ['Cargo.lock', 'Cargo.toml', 'LICENSE', 'README.md', 'build.rs', 'js', 'package.json', 'src']
    assert.deepEqual([...tops].sort(), expected.sort())
    assert.deepEqual(
      listed.filter((name) => /\.(node|tmp|test\.mjs)$/.test(name)),
      [],
    )
    assert.ok((await stat(tarballs[1])).size < 400_000)
    // Cargo reads the manifest, and finds each member of the workspace and the library, inside of another workspace too.
    await writeFile(path.join(folder, 'Cargo.toml'), '[workspace]\n')
    const { stdout } = await run('cargo', ['metadata', '--no-deps', '--format-version=1'], { cwd: installed })
    assert.deepEqual(
      JSON.parse(stdout).packages.map(({ name }) => name),
      ['texample'],
    )
  })

  it('says which package is missing, and how to build, where no native add-on came along', async () => {
    await rm(path.join(folder, 'node_modules', `texample-${platform()}`), { recursive: true })
    const said = await program(
      'c.cjs',
      "try { require('texample') } catch (error) { console.log(error.code, error.message) }",
    )
    assert.match(said, /^ERR_TEXAMPLE_ADDON_MISSING/)
    assert.match(said, new RegExp(`texample-${platform()}`))
    assert.match(said, /npx texample build/)
    const { stdout } = await run(path.join(folder, 'node_modules', '.bin', 'texample'), ['--help'])
    assert.match(stdout, /build/)
  })

  it('is built from source by one command, here with a cargo that has the result at hand', async () => {
    const bin = path.join(folder, 'bin')
    await mkdir(bin)
    const cargo = `#!/bin/sh
      while [ "$1" != --target-dir ]; do shift; done
      mkdir -p "$2/release" && cp "${addon}" "$2/release/libtexample.so"`
    await writeFile(path.join(bin, 'cargo'), cargo, { mode: 0o755 })
    const withCargo = { ...env, PATH: `${bin}${path.delimiter}${process.env.PATH}` }
    const { stdout } = await run(path.join(folder, 'node_modules', '.bin', 'texample'), ['build'], {
      cwd: folder,
      env: withCargo,
    })
    assert.equal(
      stdout.trim(),
      path.join(folder, 'node_modules', 'texample', 'js', 'native', `texample.${platform()}.node`),
    )
    assert.equal(await program('d.cjs', `const { ${names} } = require('texample')${body}`), '0 pöllö 1000\n')

    await writeFile(path.join(bin, 'cargo'), '#!/bin/sh\necho no linker >&2; exit 101', { mode: 0o755 })
    const failed = await run(path.join(folder, 'node_modules', '.bin', 'texample'), ['build'], {
      cwd: folder,
      env: withCargo,
    }).catch((error) => error)
    assert.equal(failed.code, 1)
    assert.match(failed.stderr, /no linker\n[\s\S]*cargo build failed with exit code 101/)
  })
})
