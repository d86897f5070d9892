/**
 * Debian packages of any architecture, unpacked into a folder: nothing is installed on this system,
 * which must be a Debian. The lists of packages are fetched once, into the cache folder.
 */

import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { cacheFolder } from '../devtools/executables.mjs'
import { Failure, must, withTemporary } from './command.mjs'

/**
 * The release that packages are taken from, whichever runs here: the first whose musl loads the
 * libraries of today's Alpine.
 */
export const suite = 'trixie'

/**
 * @typedef {(packages: string[], folder: string) => Promise<void>} Unpack `packages`:
 * `name:architecture`
 */

/** @returns {Unpack} */
export function debianPackages() {
  let options
  return async (packages, folder) => {
    options ??= await ownLists()
    await withTemporary('debian', async (downloads) => {
      await must('apt-get', [...options, 'download', ...packages], { capture: true, cwd: downloads })
      for (const name of await readdir(downloads)) await must('dpkg-deb', ['-x', path.join(downloads, name), folder])
    })
  }
}

/** The options of apt that make it use lists of its own. */
async function ownLists() {
  const format = '$(REPO_URI) $(ORIGIN) $(LABEL)'
  const sources = await must('apt-get', ['indextargets', '--format', format], { capture: true })
  const mirror = sources
    .split('\n')
    .find((line) => line.endsWith(' Debian Debian'))
    ?.split(' ')[0]
  if (mirror === undefined) throw new Failure('apt has no Debian in its sources; run this in a Debian container')
  const folder = cacheFolder(`apt-${suite}`)
  for (const name of ['lists/partial', 'archives/partial']) await mkdir(path.join(folder, name), { recursive: true })
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg'
  await writeFile(path.join(folder, 'sources.list'), `deb [signed-by=${keys}] ${mirror} ${suite} main\n`)
  await writeFile(path.join(folder, 'status'), '')
  const args = [
    `Dir::State=${folder}`,
    `Dir::State::Lists=${folder}/lists`,
    `Dir::State::status=${folder}/status`,
    `Dir::Cache=${folder}`,
    `Dir::Etc::SourceList=${folder}/sources.list`,
    'Dir::Etc::SourceParts=/dev/null',
    'APT::Sandbox::User=root',
    'APT::Architectures::=amd64',
    'APT::Architectures::=arm64',
  ].map((option) => `-o${option}`)
  await must('apt-get', [...args, 'update', '-q'], { capture: true })
  return args
}
