/**
 * The native add-ons that are published, each built for one target of package.json's `napi.targets`.
 * `npm run build -- --target TRIPLE` makes one; `npm run pack` puts it into its package.
 *
 * All of Linux is built in one way, on any Linux: Zig is the linker and the C compiler, since it brings the headers
 * and libraries of every system with it and links against a glibc as old as it is told to. macOS and Windows are
 * built on themselves.
 */

import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { cacheFolder } from './cache.mjs'
import { Failure, must, root } from './command.mjs'
import { demandsOf } from './elf.mjs'

/** Both by pip, which has them for every system. */
const zig = { ziglang: '0.17.1', 'cargo-zigbuild': '0.24.0' }

/** The oldest glibc that Rust itself supports; Node.js 20 needs 2.28. */
export const oldestGlibc = '2.17'

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

/** @param {string} triple */
export function targetOf(triple) {
  const found = targets().find((target) => target.triple === triple)
  if (found) return found
  throw new Failure(`no target "${triple}"; there are: ${targets().map((target) => target.triple)}`)
}

/** @param {Target} target */
export async function buildPrebuilt(target) {
  const { triple, addon } = target
  console.error(`Building the add-on for ${triple} …`)
  await must('rustup', ['target', 'add', triple], { capture: true })
  const isLinux = triple.includes('-linux-')
  const libc = triple.endsWith('-gnu') ? `.${oldestGlibc}` : ''
  const flags = {
    // A Node.js on musl loads its libraries at run time, so an add-on must use the same libc as it.
    musl: '-Ctarget-feature=-crt-static',
    // Node.js brings no Visual C++ runtime along.
    msvc: '-Ctarget-feature=+crt-static',
  }[triple.split('-').at(-1)]
  const [program, command, env] = isLinux ? await zigbuild() : ['cargo', 'build', {}]
  const folder = path.join(root, 'target', 'cross')
  await must(
    program,
    [command, '--release', '--lib', '--locked', '--target', `${triple}${libc}`, '--target-dir', folder],
    {
      env: {
        ...env,
        MACOSX_DEPLOYMENT_TARGET: '11.0',
        [`CARGO_TARGET_${triple.toUpperCase().replaceAll('-', '_')}_RUSTFLAGS`]: flags,
      },
    },
  )
  const library = { linux: 'libtexample.so', darwin: 'libtexample.dylib', win32: 'texample.dll' }
  await mkdir(path.dirname(addon), { recursive: true })
  await copyFile(path.join(folder, triple, 'release', library[target.platform.split('-')[0]]), addon)
  await checkPrebuilt(target)
  console.error(`${path.relative(root, addon)}: ${((await stat(addon)).size / 1e6).toFixed(1)} MB`)
}

/** Fails when an add-on asks more of a Linux system than is promised. @param {Target} target */
export async function checkPrebuilt({ platform, addon }) {
  if (!platform.startsWith('linux-')) return
  const { cpu, libraries, glibc } = demandsOf(await readFile(addon))
  const wrong = []
  if (!platform.startsWith(`linux-${cpu}-`)) wrong.push(`it is for ${cpu}`)
  const isGnu = platform.endsWith('-gnu')
  const foreign = libraries.filter(
    (name) =>
      !(isGnu ? /^(lib(c|m|dl|pthread|rt)\.so\.\d|ld-linux-[\w-]+\.so\.\d)$/ : /^libc\.(so|musl-\w+\.so\.1)$/).test(
        name,
      ),
  )
  if (foreign.length > 0) wrong.push(`it needs ${foreign.join(', ')}`)
  if (isGnu && glibc === undefined) wrong.push('it names no version of glibc')
  if (!isGnu && glibc !== undefined) wrong.push(`it needs glibc ${glibc}`)
  if (isGnu && glibc !== undefined && isNewer(glibc, oldestGlibc)) {
    wrong.push(`it needs glibc ${glibc}, and ${oldestGlibc} is promised`)
  }
  if (wrong.length > 0) throw new Failure(`${path.relative(root, addon)} cannot be published: ${wrong.join('; ')}`)
}

function isNewer(one, other) {
  const [[a, b], [c, d]] = [one, other].map((version) => version.split('.').map(Number))
  return a > c || (a === c && b > d)
}

/** cargo with Zig behind it, kept in a cache folder: pip is the one that has both whole. */
async function zigbuild() {
  const wanted = Object.entries(zig).map(([name, version]) => `${name}==${version}`)
  const folder = cacheFolder(wanted.join('-').replaceAll('==', '-'))
  const program = path.join(folder, 'bin', 'cargo-zigbuild')
  if (!existsSync(program)) {
    console.error(`Fetching ${wanted.join(' and ')} into ${folder} …`)
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action=ignore']
    await must('python3', [...pip, '--no-deps', '--only-binary=:all:', '--target', folder, ...wanted])
  }
  return [program, 'zigbuild', { CARGO_ZIGBUILD_ZIG_PATH: path.join(folder, 'ziglang', 'zig') }]
}
