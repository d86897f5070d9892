/**
 * `npm run pack`: the tarballs to publish, in target/packages: one for each native add-on in js/, then the main one.
 * `npm run pack -- --prebuilt` takes the add-ons that are there, and builds none.
 *
 * The main package names its platform packages as optional dependencies only when it is packed:
 * in a checkout they may not exist yet.
 */

import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { build } from './build.mjs'
import { isMain, main, must, root, tool } from './command.mjs'

const out = path.join(root, 'target', 'packages')

/**
 * @param {{ prebuilt?: boolean }} [options]
 * @returns {Promise<string[]>} the tarballs, the main one last: what it depends on is published first
 */
export async function pack({ prebuilt = false } = {}) {
  if (!prebuilt) await build()
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  const folders = path.join(out, 'npm')
  const napi = [tool('@napi-rs/cli', 'napi'), 'create-npm-dirs', '--npm-dir', path.relative(root, folders)]
  await must(process.execPath, napi, { capture: true })
  const platforms = (await readdir(folders)).sort()

  const tarballs = []
  for (const platform of platforms) {
    const addon = `texample.${platform}.node`
    if ((await readdir(path.join(root, 'js'))).includes(addon)) {
      tarballs.push(await packPlatform(path.join(folders, platform), addon))
    }
  }
  return [...tarballs, await packMain(platforms)]
}

/** The package of a native add-on: one binary, and on which systems it may be installed. */
async function packPlatform(folder, addon) {
  await copyFile(path.join(root, 'js', addon), path.join(folder, addon))
  await copyFile(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'))
  return npmPack(folder)
}

/** The main package, which depends on the platform packages of its own version. */
async function packMain(platforms) {
  const plain = await npmPack(root)
  const folder = path.join(out, 'main')
  await mkdir(folder)
  await must('tar', ['-xzf', plain, '-C', folder, '--strip-components=1'])
  await rm(plain)

  await edit(path.join(folder, 'package.json'), (text) => {
    const { scripts: _, devDependencies: __, overrides: ___, napi: ____, ...manifest } = JSON.parse(text)
    const optionalDependencies = Object.fromEntries(platforms.map((name) => [`texample-${name}`, manifest.version]))
    return `${JSON.stringify({ ...manifest, optionalDependencies }, null, 2)}\n`
  })
  // The other members of the workspace are not in the package, and cargo would look for them.
  await edit(path.join(folder, 'Cargo.toml'), (text) => text.replace(/^\[workspace\]\n(?:[^[\n].*\n|\n)*/m, ''))
  return npmPack(folder)
}

async function edit(file, change) {
  await writeFile(file, change(await readFile(file, 'utf8')))
}

async function npmPack(folder) {
  const args = ['pack', folder, '--pack-destination', out, '--json', '--silent', '--ignore-scripts']
  const output = await must('npm', args, { capture: true })
  const [{ filename }] = JSON.parse(output.slice(output.indexOf('[')))
  return path.join(out, filename)
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const tarballs = await pack({ prebuilt: process.argv.includes('--prebuilt') })
    for (const file of tarballs) console.log(path.relative(root, file))
  })
}
