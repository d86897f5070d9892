/** The spell checker, kept in a cache folder: it is not on npm. */

import { existsSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder } from './cache.mjs'
import { must } from './command.mjs'

const version = '1.52.0'

/** The program's path; fetched the first time. */
export async function typos() {
  const folder = cacheFolder(`typos-${version}`)
  const program = path.join(folder, 'bin', process.platform === 'win32' ? 'typos.exe' : 'typos')
  if (!existsSync(program)) {
    console.log(`Fetching typos ${version} into ${folder} …`)
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action=ignore']
    await must('python3', [...pip, '--no-deps', '--only-binary=:all:', '--target', folder, `typos==${version}`])
  }
  return program
}
