/**
 * The native add-ons that are published, each built for one target of package.json's
 * `napi.targets`. `npm run build -- --target TRIPLE` makes one; `npm run pack` puts it into its
 * package.
 *
 * All of Linux is built in one way, on any Linux: Zig is the linker and the C compiler, since it
 * brings the headers and libraries of every system with it and links against a glibc as old as it
 * is told to. macOS and Windows are built on themselves for publishing; Zig builds them on Linux
 * too, so that a change that breaks them shows there.
 */

import { readFileSync } from 'node:fs'
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { library } from '../devtools/addon.mjs'
import { pipCached } from './cache.mjs'
import { Failure, must, root } from './command.mjs'
import { demandsOf as elf } from './elf.mjs'
import { demandsOf as macho } from './macho.mjs'
import { demandsOf as pe } from './pe.mjs'

const zig = ['ziglang==0.17.1', 'cargo-zigbuild==0.24.0']

/** The oldest glibc that Rust itself supports; Node.js 20 needs 2.28. */
const oldestGlibc = '2.17'
/** The oldest macOS that Rust supports on both processors; Node.js 20 needs 10.15. */
const oldestMacos = '11.0'
/** The oldest Windows that Rust and Node.js 20 support. */
const oldestWindows = '10.0'
/** What each Windows 10 has; the runtime library of Visual C++ is not among them. */
const windowsLibrary =
  /^((advapi32|bcrypt|bcryptprimitives|crypt32|iphlpapi|kernel32|ntdll|ole32|oleaut32|user32|userenv|ws2_32)|api-ms-win-(core|crt)-[\w-]+)\.dll$/

/** @typedef {{ triple: string, platform: string, addon: string }} Target */

/** @returns {Target[]} what is published, under the names that Rust and npm give to systems */
export function targets() {
  const { napi } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  return napi.targets.map((triple) => {
    const [cpu, _vendor, system, abi] = triple.split('-')
    const os = { linux: 'linux', darwin: 'darwin', windows: 'win32' }[system]
    const platform = [os, { x86_64: 'x64', aarch64: 'arm64' }[cpu], ...(abi === undefined ? [] : [abi])].join('-')
    return { triple, platform, addon: path.join(root, 'target', 'prebuilt', `texample.${platform}.node`) }
  })
}

/**
 * Windows x64 as it can be built on Linux: by MinGW's rules in place of Visual C++'s. Not
 * published; it is loaded under the published one's name, so that the tests can run there.
 * @type {Target}
 */
export const windowsOnLinux = {
  triple: 'x86_64-pc-windows-gnu',
  platform: 'win32-x64-msvc',
  addon: path.join(root, 'target', 'windows', 'texample.win32-x64-msvc.node'),
}

/** @param {string} triple */
export function targetOf(triple) {
  const found = targets().find((target) => target.triple === triple)
  if (found) return found
  throw new Failure(`no target "${triple}"; there are: ${targets().map((target) => target.triple)}`)
}

/** @param {Target} target */
export async function buildPrebuilt(target) {
  const { triple, platform, addon } = target
  console.error(`Building the add-on for ${triple} …`)
  await must('rustup', ['target', 'add', triple], { capture: true })
  const [os] = platform.split('-')
  const { program, args, env, flags } = await (os === process.platform && os !== 'linux' ? native : crossed[os])(triple)
  const folder = path.join(root, 'target', 'cross')
  await must(program, [...args, '--release', '--lib', '--locked', '--target-dir', folder], {
    env: {
      ...env,
      MACOSX_DEPLOYMENT_TARGET: oldestMacos,
      [`CARGO_TARGET_${triple.toUpperCase().replaceAll('-', '_')}_RUSTFLAGS`]: flags,
    },
  })
  await mkdir(path.dirname(addon), { recursive: true })
  await copyFile(path.join(folder, triple, 'release', library('texample', os)), addon)
  await checkPrebuilt(target)
  console.error(`${path.relative(root, addon)}: ${((await stat(addon)).size / 1e6).toFixed(1)} MB`)
}

/** macOS and Windows on themselves. */
function native(triple) {
  // Node.js brings no Visual C++ runtime along.
  const flags = triple.endsWith('-msvc') ? '-Ctarget-feature=+crt-static' : undefined
  return { program: 'cargo', args: ['build', '--target', triple], env: {}, flags }
}

/** How Zig builds for each system. */
const crossed = {
  async linux(triple) {
    // A Node.js on musl loads its libraries at run time, so an add-on must use the same libc as it.
    const flags = triple.endsWith('-musl') ? '-Ctarget-feature=-crt-static' : undefined
    return { ...(await zigbuild(triple.endsWith('-gnu') ? `${triple}.${oldestGlibc}` : triple)), flags }
  },

  async darwin(triple) {
    const flags = `-Lframework=${await frameworks()}`
    return { ...(await zigbuild(triple)), flags }
  },

  async win32(triple) {
    if (!triple.endsWith('-gnu')) throw new Failure(`${triple} needs Visual Studio's build tools: build it on Windows`)
    const { env, ...build } = await zigbuild(triple)
    return { ...build, env: { ...env, LIBNODE_PATH: await libnode() }, flags: undefined }
  },
}

/**
 * The frameworks that the add-on is linked against, as text that names them: Zig has no library of
 * theirs.
 */
async function frameworks() {
  const folder = path.join(root, 'target', 'cross', 'frameworks')
  for (const name of ['CoreFoundation', 'SystemConfiguration']) {
    const text = `--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: '/System/Library/Frameworks/${name}.framework/Versions/A/${name}'
...
`
    await mkdir(path.join(folder, `${name}.framework`), { recursive: true })
    await writeFile(path.join(folder, `${name}.framework`, `${name}.tbd`), text)
  }
  return folder
}

/**
 * What napi-build demands of MinGW, empty: the functions of Node.js are bound when the add-on is
 * loaded.
 */
async function libnode() {
  const folder = path.join(root, 'target', 'cross', 'libnode')
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, 'libnode.dll'), '')
  await writeFile(path.join(folder, 'libnode.a'), '!<arch>\n')
  return folder
}

/** Fails when an add-on asks more of a system than is promised. @param {Target} target */
export async function checkPrebuilt({ platform, addon }) {
  const [os, cpu] = platform.split('-')
  const { demands, wrong } = demandsOn[os](await readFile(addon), platform)
  if (demands.cpu !== cpu) wrong.unshift(`it is for ${demands.cpu}`)
  if (wrong.length > 0) throw new Failure(`${path.relative(root, addon)} cannot be published: ${wrong.join('; ')}`)
}

/** For each system what a file asks of it, and what of that is too much. */
const demandsOn = {
  linux(file, platform) {
    const demands = elf(file)
    const { libraries, glibc } = demands
    const isGnu = platform.endsWith('-gnu')
    const known = isGnu ? /^(lib(c|m|dl|pthread|rt)\.so\.\d|ld-linux-[\w-]+\.so\.\d)$/ : /^libc\.(so|musl-\w+\.so\.1)$/
    const wrong = foreign(libraries, known)
    if (isGnu && glibc === undefined) wrong.push('it names no version of glibc')
    if (!isGnu && glibc !== undefined) wrong.push(`it needs glibc ${glibc}`)
    if (isGnu && glibc !== undefined && isNewer(glibc, oldestGlibc)) {
      wrong.push(`it needs glibc ${glibc}, and ${oldestGlibc} is promised`)
    }
    return { demands, wrong }
  },

  darwin(file) {
    const demands = macho(file)
    const { cpu, libraries, macos, isSigned } = demands
    const wrong = foreign(libraries, /^\/(usr\/lib|System\/Library)\//)
    if (macos === undefined) wrong.push('it names no version of macOS')
    else if (isNewer(macos, oldestMacos)) wrong.push(`it needs macOS ${macos}, and ${oldestMacos} is promised`)
    // The kernel ends a process that loads one without.
    if (cpu === 'arm64' && !isSigned) wrong.push('it has no code signature')
    return { demands, wrong }
  },

  win32(file) {
    const demands = pe(file)
    const { libraries, windows } = demands
    const wrong = foreign(libraries, windowsLibrary)
    if (isNewer(windows, oldestWindows)) wrong.push(`it needs Windows ${windows}, and ${oldestWindows} is promised`)
    return { demands, wrong }
  },
}

function foreign(libraries, known) {
  const names = libraries.filter((name) => !known.test(name))
  return names.length === 0 ? [] : [`it needs ${names.join(', ')}`]
}

function isNewer(one, other) {
  const [[a, b], [c, d]] = [one, other].map((version) => version.split('.').map(Number))
  return a > c || (a === c && b > d)
}

/** cargo with Zig behind it. */
async function zigbuild(triple) {
  const folder = await pipCached(...zig)
  const env = { CARGO_ZIGBUILD_ZIG_PATH: path.join(folder, 'ziglang', 'zig') }
  return { program: path.join(folder, 'bin', 'cargo-zigbuild'), args: ['zigbuild', '--target', triple], env }
}
