/**
 * What is published: for which systems, and that no add-on asks more of a system than is promised.
 */

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { demandsOf as demandsOfElf } from '../scripts/elf.mjs'
import { demandsOf as demandsOfMacho } from '../scripts/macho.mjs'
import { demandsOf as demandsOfPe } from '../scripts/pe.mjs'
import { checkPrebuilt, targetOf, targets } from '../scripts/prebuilt.mjs'
import { temporaryFolder } from './support/folder.mjs'
import { elf, macho, pe } from './support/libraries.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const { platform } = createRequire(import.meta.url)('../js/native/platform.cjs')
const built = process.env.NAPI_RS_NATIVE_LIBRARY_PATH ?? path.join(root, 'js', 'native', `texample.${platform()}.node`)
const folder = temporaryFolder()

const libSystem = '/usr/lib/libSystem.B.dylib'

/** Fails unless an add-on with these demands may be published for a platform. */
async function check(platform, demands) {
  const [system, cpu] = platform.split('-')
  const addon = path.join(folder, 'texample.node')
  await writeFile(addon, { linux: elf, darwin: macho, win32: pe }[system]({ cpu, ...demands }))
  await checkPrebuilt({ triple: '', platform, addon })
}

it('the loader looks for each published system', async () => {
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

it('what an add-on needs is read from its file', async () => {
  const [demandsOf, library] = {
    linux: [demandsOfElf, 'libc.so.6'],
    darwin: [demandsOfMacho, libSystem],
    win32: [demandsOfPe, 'kernel32.dll'],
  }[process.platform]
  const { cpu, libraries } = demandsOf(await readFile(built))
  assert.equal(cpu, process.arch)
  assert.ok(libraries.includes(library), `${libraries}`)
})

it('what a file of each system needs is read on any system', () => {
  const versions = ['GLIBC_2.17', 'GLIBC_2.9', 'GCC_3.0']
  assert.deepEqual(demandsOfElf(elf({ cpu: 'arm64', libraries: ['libc.so.6', 'libm.so.6'], versions })), {
    cpu: 'arm64',
    libraries: ['libc.so.6', 'libm.so.6'],
    glibc: '2.17',
  })
  assert.deepEqual(demandsOfMacho(macho({ cpu: 'arm64', libraries: [libSystem], macos: [11, 3], isSigned: true })), {
    cpu: 'arm64',
    libraries: [libSystem],
    macos: '11.3',
    isSigned: true,
  })
  assert.deepEqual(
    demandsOfPe(pe({ cpu: 'arm64', libraries: ['KERNEL32.dll', 'b.dll'], late: ['c.dll'], windows: [6, 2] })),
    { cpu: 'arm64', libraries: ['kernel32.dll', 'b.dll', 'c.dll'], windows: '6.2' },
  )
})

it('a file of another kind is none to read', () => {
  const script = Buffer.from('#!/bin/sh\n'.padEnd(64))
  assert.throws(() => demandsOfElf(script), /not a 64-bit ELF file/)
  assert.throws(() => demandsOfMacho(script), /not a 64-bit Mach-O file/)
  assert.throws(() => demandsOfPe(script), /not a PE file/)
})

for (const [platform, demands] of [
  ['linux-x64-gnu', { libraries: ['libc.so.6', 'ld-linux-x86-64.so.2'], versions: ['GLIBC_2.17'] }],
  ['linux-arm64-musl', { libraries: ['libc.so'] }],
  ['darwin-x64', { libraries: [libSystem], macos: [11, 0] }],
  ['darwin-arm64', { libraries: [libSystem], macos: [11, 0], isSigned: true }],
  ['win32-x64-msvc', { libraries: ['KERNEL32.dll', 'api-ms-win-crt-heap-l1-1-0.dll'], windows: [6, 0] }],
]) {
  it(`an add-on for ${platform} within what is promised passes`, () => check(platform, demands))
}

const glibc = ['libc.so.6']
const homebrew = '/opt/homebrew/lib/libz.dylib'
for (const [platform, demands, reason] of [
  ['linux-x64-gnu', { cpu: 'arm64', libraries: glibc, versions: ['GLIBC_2.17'] }, 'it is for arm64'],
  ['linux-x64-gnu', { libraries: glibc, versions: ['GLIBC_2.36'] }, 'it needs glibc 2.36, and 2.17 is promised'],
  ['linux-x64-gnu', { libraries: glibc }, 'it names no version of glibc'],
  ['linux-x64-gnu', { libraries: ['libz.so.1'], versions: ['GLIBC_2.17'] }, 'it needs libz.so.1'],
  ['linux-x64-musl', { libraries: glibc, versions: ['GLIBC_2.17'] }, 'it needs libc.so.6; it needs glibc 2.17'],
  ['darwin-arm64', { libraries: [libSystem], macos: [11, 0] }, 'it has no code signature'],
  ['darwin-x64', { libraries: [libSystem], macos: [12, 0] }, 'it needs macOS 12.0, and 11.0 is promised'],
  ['darwin-x64', { libraries: [libSystem] }, 'it names no version of macOS'],
  ['darwin-x64', { libraries: [homebrew], macos: [11, 0] }, `it needs ${homebrew}`],
  ['win32-x64-msvc', { libraries: ['VCRUNTIME140.dll'], windows: [6, 0] }, 'it needs vcruntime140.dll'],
  ['win32-x64-msvc', { libraries: [], late: ['libssl.dll'], windows: [6, 0] }, 'it needs libssl.dll'],
  ['win32-x64-msvc', { libraries: [], windows: [10, 1] }, 'it needs Windows 10.1, and 10.0 is promised'],
]) {
  it(`one for ${platform} is refused: ${reason}`, () =>
    assert.rejects(
      check(platform, demands),
      ({ message }) => message.includes('cannot be published') && message.includes(reason),
    ))
}
