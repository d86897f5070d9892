/**
 * `npm run pack`: the tarballs to publish, in target/packages: the platform package of this
 * machine, then the main one. `npm run pack -- TRIPLE …`: those of other targets, built here;
 * `-- --linux`: of all of Linux. `npm run pack -- --prebuilt`: of the add-ons that are in
 * target/prebuilt; none is built.
 *
 * The main package names its platform packages as optional dependencies only when it is packed:
 * in a checkout they may not exist yet.
 */

import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { commandLine, Failure, isMain, main, must, root, tool } from './command.mjs'
import { install } from './install.mjs'
import { buildPrebuilt, checkPrebuilt, targetOf, targets } from './prebuilt.mjs'

const out = path.join(root, 'target', 'packages')
const { platform: thisPlatform } = createRequire(import.meta.url)('../js/native/platform.cjs')

/**
 * @param {Record<string, string>} addons the file of each platform, such as `linux-x64-gnu`
 * @returns {Promise<string[]>} the tarballs, the main one last: what it depends on is published
 *   first
 */
export async function pack(addons) {
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  const folders = path.join(out, 'npm')
  await createPlatformFolders(folders)
  const platforms = (await readdir(folders)).sort()

  const tarballs = []
  for (const platform of platforms) {
    if (platform in addons) tarballs.push(await packPlatform(path.join(folders, platform), addons[platform]))
  }
  return [...tarballs, await packMain(platforms)]
}

/**
 * The package of each target, without its add-on.
 * @param {string} folder gets a folder for each
 */
export async function createPlatformFolders(folder) {
  const napi = [tool('@napi-rs/cli', 'napi'), 'create-npm-dirs', '--npm-dir', path.relative(root, folder)]
  await must(process.execPath, napi, { capture: true })
}

/** The package of a native add-on: one binary, and on which systems it may be installed. */
async function packPlatform(folder, addon) {
  await copyFile(addon, path.join(folder, `texample.${path.basename(folder)}.node`))
  await copyFile(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'))
  const { publishConfig } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'))
  await edit(path.join(folder, 'package.json'), (text) => {
    return `${JSON.stringify({ ...JSON.parse(text), publishConfig }, null, 2)}\n`
  })
  return npmPack(folder)
}

/** The main package, which depends on the platform packages of its own version. */
async function packMain(platforms) {
  const plain = await npmPack(root)
  const folder = path.join(out, 'main')
  await mkdir(folder)
  // By a relative path: GNU's tar takes the C of C:\\ for a host.
  await must('tar', ['-xzf', path.basename(plain), '-C', path.basename(folder), '--strip-components=1'], { cwd: out })
  await rm(plain)

  await edit(path.join(folder, 'package.json'), (text) => {
    const { scripts: _, devDependencies: __, overrides: ___, napi: ____, ...manifest } = JSON.parse(text)
    const optionalDependencies = Object.fromEntries(platforms.map((name) => [`texample-${name}`, manifest.version]))
    return `${JSON.stringify({ ...manifest, optionalDependencies }, null, 2)}\n`
  })
  // The other members of the workspace are not in the package, and cargo would look for them;
  // without a workspace of its own it would be taken for a member of one around the folder that it
  // is installed in.
  await edit(path.join(folder, 'Cargo.toml'), (text) =>
    text.replace(/^\[workspace\]\n(?:[^[\n].*\n|\n)*/m, '[workspace]\n\n'),
  )
  return npmPack(folder)
}

async function edit(file, change) {
  await writeFile(file, change(await readFile(file, 'utf8')))
}

async function npmPack(folder) {
  // On Windows the shell of npm's script splits a path at its spaces; a relative one has none.
  const args = ['pack', '--pack-destination', path.relative(folder, out), '--json', '--silent', '--ignore-scripts']
  const output = await must('npm', args, { capture: true, cwd: folder })
  const [{ filename }] = JSON.parse(output.slice(output.indexOf('[')))
  return path.join(out, filename)
}

/** The targets that the command line asks for, built unless they are to be there. */
async function wantedTargets() {
  const { words, prebuilt, linux } = commandLine({ prebuilt: 'boolean', linux: 'boolean' })
  if (prebuilt) {
    const there = targets().filter(({ addon }) => existsSync(addon))
    if (there.length === 0) throw new Failure('target/prebuilt has no add-on; `npm run pack` builds one')
    return there
  }
  const isWanted = ({ platform }) => (linux ? platform.startsWith('linux-') : platform === thisPlatform())
  const wanted = words.length > 0 ? words.map(targetOf) : targets().filter(isWanted)
  if (wanted.length === 0) throw new Failure(`nothing is published for ${thisPlatform()}`)
  for (const target of wanted) await buildPrebuilt(target)
  return wanted
}

if (isMain(import.meta.url)) {
  await main(async () => {
    await install()
    const wanted = await wantedTargets()
    for (const target of wanted) await checkPrebuilt(target)
    const tarballs = await pack(Object.fromEntries(wanted.map(({ platform, addon }) => [platform, addon])))
    for (const file of tarballs) console.log(path.relative(root, file))
  })
}
