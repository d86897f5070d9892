/** What is published: for which systems, and that no add-on asks more of a system than is promised. */

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { demandsOf } from '../scripts/elf.mjs'
import { checkPrebuilt, oldestGlibc, targetOf, targets } from '../scripts/prebuilt.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const { platform } = createRequire(import.meta.url)('../js/native/platform.cjs')
const built = process.env.NAPI_RS_NATIVE_LIBRARY_PATH ?? path.join(root, 'js', 'native', `texample.${platform()}.node`)
const file = await readFile(built)
const folder = await mkdtemp(path.join(tmpdir(), 'texample-prebuilt-'))
after(() => rm(folder, { recursive: true, force: true }))

/** The add-on of this machine, as if it asked for other libraries or versions of them. */
async function altered(changes) {
  const bytes = Buffer.from(file)
  for (const [from, to] of Object.entries(changes)) {
    assert.equal(from.length, to.length)
    for (let at = bytes.indexOf(`\0${from}\0`); at !== -1; at = bytes.indexOf(`\0${from}\0`)) bytes.write(to, at + 1)
  }
  const addon = path.join(folder, 'texample.node')
  await writeFile(addon, bytes)
  return addon
}

it('each published system is one that the loader looks for, by file and by package', async () => {
  const loader = await readFile(path.join(root, 'js', 'native', 'native.js'), 'utf8')
  for (const { platform } of targets()) {
    assert.ok(loader.includes(`'./texample.${platform}.node'`), platform)
    assert.ok(loader.includes(`'texample-${platform}'`), platform)
  }
  assert.ok(targets().some((target) => target.platform === platform()))
})

it('a target that is not published is refused by name', () => {
  assert.throws(
    () => targetOf('riscv64gc-unknown-linux-gnu'),
    /no target "riscv64gc-unknown-linux-gnu"; there are: x86_64/,
  )
})

it('what a library needs is read from its file', () => {
  const { cpu, libraries, glibc } = demandsOf(file)
  assert.equal(cpu, process.arch)
  assert.ok(libraries.includes('libc.so.6'))
  assert.match(glibc, /^2\.\d+$/)
  assert.throws(() => demandsOf(Buffer.from('#!/bin/sh\n'.padEnd(64))), /not a 64-bit ELF file/)
})

it('an add-on that needs a newer glibc than is promised is not published', async () => {
  const { glibc } = demandsOf(file)
  const addon = await altered({
    [`GLIBC_${glibc}`]: `GLIBC_${'2.99'.padEnd(glibc.length, '0').slice(0, glibc.length)}`,
  })
  await assert.rejects(
    checkPrebuilt({ triple: '', platform: platform(), addon }),
    new RegExp(`cannot be published: .*it needs glibc 2\\.9+, and ${oldestGlibc} is promised`),
  )
})

it('an add-on for another processor or another libc is not published', async () => {
  const other = process.arch === 'x64' ? 'arm64' : 'x64'
  await assert.rejects(checkPrebuilt({ triple: '', platform: `linux-${other}-gnu`, addon: built }), /it is for/)
  await assert.rejects(
    checkPrebuilt({ triple: '', platform: `linux-${process.arch}-musl`, addon: built }),
    /it needs .*libc\.so\.6/,
  )
})

it('an add-on that needs a library which not every system has is not published', async () => {
  const addon = await altered({ 'libm.so.6': 'libz.so.1' })
  await assert.rejects(checkPrebuilt({ triple: '', platform: platform(), addon }), /it needs .*libz\.so\.1/)
})
