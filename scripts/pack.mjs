/**
 * `npm run pack`: the tarballs that would be published, of this machine's platform, in target/packages.
 *
 * The main package names its platform packages as optional dependencies only when it is packed:
 * in a checkout they may not exist yet.
 */

import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { build } from './build.mjs'
import { isMain, main, must, root, tool } from './command.mjs'

const { platform } = createRequire(import.meta.url)('../js/platform.cjs')
const out = path.join(root, 'target', 'packages')

/** @returns {Promise<string[]>} the tarballs: the platform's package, then the main one */
export async function pack() {
  await build()
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  const native = await packPlatform()
  return [native, await packMain()]
}

/** The package of the native add-on: one binary, and on which systems it may be installed. */
async function packPlatform() {
  const folders = path.join(out, 'npm')
  await must(
    process.execPath,
    [tool('@napi-rs/cli', 'napi'), 'create-npm-dirs', '--npm-dir', path.relative(root, folders)],
    {
      capture: true,
    },
  )
  const folder = path.join(folders, platform())
  const addon = `texample.${platform()}.node`
  await copyFile(path.join(root, 'js', addon), path.join(folder, addon))
  await copyFile(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'))
  return npmPack(folder)
}

/** The main package, with the platform packages of its version as optional dependencies. */
async function packMain() {
  const plain = await npmPack(root)
  const folder = path.join(out, 'main')
  await mkdir(folder)
  await must('tar', ['-xzf', plain, '-C', folder, '--strip-components=1'])
  await rm(plain)
  const file = path.join(folder, 'package.json')
  const manifest = JSON.parse(await readFile(file, 'utf8'))
  const platforms = await readdir(path.join(out, 'npm'))
  manifest.optionalDependencies = Object.fromEntries(
    platforms.sort().map((name) => [`texample-${name}`, manifest.version]),
  )
  delete manifest.devDependencies
  delete manifest.scripts
  await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`)
  return npmPack(folder)
}

async function npmPack(folder) {
  const output = await must(
    'npm',
    ['pack', folder, '--pack-destination', out, '--json', '--silent', '--ignore-scripts'],
    {
      capture: true,
    },
  )
  const [{ filename }] = JSON.parse(output.slice(output.indexOf('[')))
  return path.join(out, filename)
}

if (isMain(import.meta.url)) {
  await main(async () => {
    for (const file of await pack()) console.log(path.relative(root, file))
  })
}
