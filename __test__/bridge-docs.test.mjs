/**
 * An add-on outside of this repository, made from docs/bridge.md alone: on the crate as it is
 * packaged, built and described by napi-rs's command, type-checked, and used as each example there
 * uses it.
 */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tool } from '../scripts/command.mjs'
import { examplesOf } from './support/examples.mjs'
import { temporaryFolder } from './support/folder.mjs'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const page = examplesOf(path.join(root, 'docs', 'bridge.md'), 'docs/bridge.md')
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target')

const folder = temporaryFolder()

before(async () => {
  const crate = await packaged()
  await mkdir(path.join(folder, 'src'))
  const [toml] = page.filter(({ language }) => language === 'toml')
  const dependency = `texample-bridge = { path = ${JSON.stringify(crate)}, features = ["napi"] }`
  const manifest = toml.code.replace(/^texample-bridge = .*$/m, dependency)
  assert.ok(manifest.includes(dependency))
  // Built as the workspace's own crates are, so that it shares what they have built.
  const [profile] = /^\[profile\.dev[\s\S]*/m.exec(await readFile(path.join(root, 'Cargo.toml'), 'utf8'))
  await writeFile(path.join(folder, 'Cargo.toml'), `${manifest}\n[workspace]\n\n${profile}`)
  await copyFile(path.join(root, 'Cargo.lock'), path.join(folder, 'Cargo.lock'))
  await writeFile(path.join(folder, 'build.rs'), 'fn main() { napi_build::setup(); }\n')
  await writeFile(path.join(folder, 'package.json'), '{ "name": "squares", "napi": { "binaryName": "squares" } }\n')

  const [first, ...others] = page.filter(({ language }) => language === 'rust')
  const names = others.map((_, index) => `part_${index}`)
  await writeFile(path.join(folder, 'src', 'lib.rs'), `${names.map((name) => `mod ${name};\n`).join('')}${first.code}`)
  for (const [index, name] of names.entries())
    await writeFile(path.join(folder, 'src', `${name}.rs`), others[index].code)

  const napi = [tool('@napi-rs/cli', 'napi'), 'build', '--platform', '--cwd', folder, '--target-dir', target]
  await run(process.execPath, napi)
})

/** The crate, as a registry would have it. */
async function packaged() {
  const args = ['package', '--quiet', '--package', 'texample-bridge', '--allow-dirty', '--no-verify']
  await run('cargo', [...args, '--target-dir', target], { cwd: root })
  const { stdout } = await run('cargo', ['metadata', '--format-version', '1', '--no-deps'], { cwd: root })
  const { version } = JSON.parse(stdout).packages.find(({ name }) => name === 'texample-bridge')
  const name = `texample-bridge-${version}`
  await run('tar', ['-xzf', path.join(target, 'package', `${name}.crate`), '-C', folder])
  return path.join(folder, name)
}

it('the crate brings napi and thiserror, and no C compiler', async () => {
  const { stdout } = await run('cargo', ['tree', '--edges', 'normal,build', '--prefix', 'none'], { cwd: folder })
  const names = new Set(stdout.split('\n').map((line) => line.split(' ')[0]))
  for (const name of ['texample-bridge', 'thiserror', 'napi']) assert.ok(names.has(name), name)
  for (const name of ['cc', 'png', 'libdeflater', 'serde_json', 'crossbeam-channel', 'tokio', 'texample'])
    assert.ok(!names.has(name), name)
})

it('the types that are generated pass tsc', async () => {
  const [{ code }] = page.filter(({ language }) => language === 'ts')
  await writeFile(path.join(folder, 'use.mts'), code)
  await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
  const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
  const args = [tool('typescript'), ...flags, path.join(folder, 'use.mts'), path.join(folder, 'index.d.ts')]
  await run(process.execPath, args, { cwd: folder }).catch(({ stdout }) => assert.fail(stdout))
})

describe('each example prints what stands below it', () => {
  for (const { where, code, prints } of page.filter(({ language, kind }) => kind === 'addon' && language === 'js')) {
    it(where, async () => {
      const program = path.join(folder, 'example.cjs')
      await writeFile(program, code)
      // An add-on that stands in for texample's is none of this one.
      const env = { ...process.env, NODE_OPTIONS: '--no-warnings', NAPI_RS_NATIVE_LIBRARY_PATH: undefined }
      const { stdout } = await run(process.execPath, [program], { env, timeout: 60_000, killSignal: 'SIGKILL' })
      assert.equal(stdout, prints)
    })
  }
})
