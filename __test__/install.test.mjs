/**
 * The tarballs that would be published, installed into an empty folder and used there.
 * TEXAMPLE_TEST_PACKAGES names a folder that has them, packed on another system; otherwise they are
 * packed here.
 */

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from '../scripts/build.mjs'
import { tool } from '../scripts/command.mjs'
import { createPlatformFolders, pack } from '../scripts/pack.mjs'
import { targets } from '../scripts/prebuilt.mjs'
import { temporaryFolder } from './support/folder.mjs'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const { platform } = createRequire(import.meta.url)('../js/native/platform.cjs')
// Only the package's own add-on may be found by the programs below.
const { NAPI_RS_NATIVE_LIBRARY_PATH: given, ...env } = process.env
const addon = given ?? path.join(root, 'js', 'native', `texample.${platform()}.node`)
const isWindows = process.platform === 'win32'

/** What the main package holds at its top, and what may be in its folders. */
const contents = {
  files: ['Cargo.lock', 'Cargo.toml', 'LICENSE', 'README.md', 'build.rs', 'package.json'],
  folders: { bridge: /\.(rs|toml|md)$/, js: /\.(cjs|mjs|js|d\.ts|d\.mts)$/, src: /\.rs$/ },
}

/** Packs this checkout, or takes what another system has packed. */
async function packed() {
  const folder = process.env.TEXAMPLE_TEST_PACKAGES
  if (folder === undefined) {
    await build()
    return pack({ [platform()]: addon })
  }
  const tarballs = (await readdir(folder)).map((name) => path.join(folder, name))
  const isMain = (file) => /^texample-\d/.test(path.basename(file))
  return [...tarballs.filter((file) => !isMain(file)), ...tarballs.filter(isMain)]
}

describe('the package, installed from its tarballs', () => {
  const folder = temporaryFolder()
  /** @type {string[]} */
  let tarballs

  before(async () => {
    tarballs = await packed()
    await writeFile(path.join(folder, 'package.json'), '{ "private": true }')
    // On Windows the commands of npm are scripts of cmd.exe.
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', ...tarballs], {
      cwd: folder,
      shell: isWindows,
    })
  })

  /** Writes a program there and runs it. */
  async function program(name, source) {
    await writeFile(path.join(folder, name), source)
    const { stdout } = await run(process.execPath, [name], { cwd: folder, env })
    return stdout
  }

  /** Runs the command of the installed package. */
  function command(args, options = {}) {
    const bin = path.join(folder, 'node_modules', '.bin', 'texample')
    return run(isWindows ? `${bin}.cmd` : bin, args, { cwd: folder, env, shell: isWindows, ...options })
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
    const { stdout } = await command(['tick', '-i', '1', '-n', '2'])
    assert.equal(stdout, '0\n1\n')
  })

  it('names every platform package, and runs no script', async () => {
    const manifest = JSON.parse(await readFile(path.join(folder, 'node_modules', 'texample', 'package.json'), 'utf8'))
    assert.equal(manifest.optionalDependencies[`texample-${platform()}`], manifest.version)
    assert.equal(manifest.dependencies, undefined)
    assert.equal(manifest.scripts, undefined)
  })

  it('has a package that npm installs on each system alone', async () => {
    const folders = path.join(root, 'target', 'packages', 'npm')
    await createPlatformFolders(folders)
    for (const { triple, platform } of targets()) {
      const manifest = JSON.parse(await readFile(path.join(folders, platform, 'package.json'), 'utf8'))
      const [os, cpu] = platform.split('-')
      const libc = { gnu: ['glibc'], musl: ['musl'] }[triple.split('-').at(-1)]
      assert.equal(manifest.name, `texample-${platform}`)
      assert.deepEqual({ os: manifest.os, cpu: manifest.cpu, libc: manifest.libc }, { os: [os], cpu: [cpu], libc })
    }
  })

  it('holds the sources, and nothing needless', async () => {
    const installed = path.join(folder, 'node_modules', 'texample')
    const { files, folders } = contents
    assert.deepEqual((await readdir(installed)).sort(), [...files, ...Object.keys(folders)].sort())
    for (const [name, allowed] of Object.entries(folders)) {
      const entries = await readdir(path.join(installed, name), { recursive: true, withFileTypes: true })
      const inside = entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
      assert.ok(inside.length > 0, name)
      assert.deepEqual(
        inside.filter((file) => !allowed.test(file) || file.includes('.test.')),
        [],
      )
    }
    assert.ok((await stat(tarballs[1])).size < 400_000)
  })

  it('is the main package and one licensed add-on', async () => {
    const installed = path.join(folder, 'node_modules')
    const packages = (await readdir(installed)).filter((name) => !name.startsWith('.'))
    assert.deepEqual(packages.sort(), ['texample', `texample-${platform()}`])
    assert.deepEqual(
      (await readdir(path.join(installed, `texample-${platform()}`))).sort(),
      ['LICENSE', 'README.md', 'package.json', `texample.${platform()}.node`].sort(),
    )
  })

  it('is one that cargo builds inside of another workspace too', async () => {
    const outer = path.join(folder, 'Cargo.toml')
    await writeFile(outer, '[workspace]\n')
    const args = ['metadata', '--no-deps', '--format-version=1']
    // Cargo reads the manifest, and finds each member of the workspace and the library.
    const { stdout } = await run('cargo', args, { cwd: path.join(folder, 'node_modules', 'texample') })
    const { packages } = JSON.parse(stdout)
    assert.ok(packages.some(({ name }) => name === 'texample'))
    for (const { manifest_path: manifest } of packages) assert.ok(manifest.startsWith(path.dirname(outer)), manifest)
  })

  it('says how to get a missing add-on', async () => {
    await rm(path.join(folder, 'node_modules', `texample-${platform()}`), { recursive: true })
    const said = await program(
      'c.cjs',
      "try { require('texample') } catch (error) { console.log(error.code, error.message) }",
    )
    assert.match(said, /^ERR_TEXAMPLE_ADDON_MISSING/)
    assert.match(said, new RegExp(`texample-${platform()}`))
    assert.match(said, /npx texample build/)
    const { stdout } = await command(['--help'])
    assert.match(stdout, /build/)
  })

  describe('built from source by one command, here with a cargo that has the result at hand', () => {
    const installed = () => path.join(folder, 'node_modules', 'texample')
    let withCargo

    /**
     * What `cargo build` does: Node.js by that name takes its first argument for a script, build.js
     * in the package.
     */
    const cargo = (source) => writeFile(path.join(installed(), 'build.js'), source)

    before(async () => {
      const bin = path.join(folder, 'bin')
      await mkdir(bin)
      if (isWindows) await copyFile(process.execPath, path.join(bin, 'cargo.exe'))
      else await symlink(process.execPath, path.join(bin, 'cargo'))
      const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH')
      withCargo = { ...env, [key]: `${bin}${path.delimiter}${env[key]}` }
      await cargo(`
        const { copyFileSync, mkdirSync } = require('node:fs')
        const target = process.argv[process.argv.indexOf('--target-dir') + 1]
        const [prefix, extension] = { win32: ['', 'dll'], darwin: ['lib', 'dylib'] }[process.platform] ?? ['lib', 'so']
        mkdirSync(target + '/release')
        copyFileSync(${JSON.stringify(addon)}, target + '/release/' + prefix + 'texample.' + extension)`)
    })

    const made = () => path.join(installed(), 'js', 'native', `texample.${platform()}.node`)
    const build = async () => (await command(['build'], { env: withCargo })).stdout.trim()

    it('is where the package looks for it', async () => {
      assert.equal(await build(), made())
      assert.equal(await program('d.cjs', `const { ${names} } = require('texample')${body}`), '0 pöllö 1000\n')
    })

    it('takes the place of one that a process has loaded', async () => {
      await writeFile(
        path.join(folder, 'e.cjs'),
        `const ticker = require('texample').start((i) => console.log(i), { interval: 10 })
        process.stdin.once('end', () => ticker.stop()).resume()`,
      )
      const user = spawn(process.execPath, ['e.cjs'], { cwd: folder, env, stdio: ['pipe', 'pipe', 'inherit'] })
      await once(user.stdout, 'data')
      assert.equal(await build(), made())
      // It ticks on, with the add-on that it has.
      await once(user.stdout, 'data')
      user.stdin.end()
      assert.deepEqual(await once(user, 'exit'), [0, null])
      assert.equal(await program('f.cjs', `const { ${names} } = require('texample')${body}`), '0 pöllö 1000\n')
      assert.equal(await build(), made())
      assert.deepEqual(
        (await readdir(path.dirname(made()))).filter((name) => name.endsWith('.tmp')),
        [],
      )
    })

    it('shows what cargo said when it fails', async () => {
      await cargo("console.error('no linker'); process.exit(101)")
      const failed = await command(['build'], { env: withCargo }).catch((error) => error)
      assert.equal(failed.code, 1)
      assert.match(failed.stderr, /no linker\r?\n[\s\S]*cargo build failed with exit code 101/)
    })
  })
})
