/** Builds the example's add-on, in the folder that the package's own build uses. */

import { execFileSync } from 'node:child_process'
import { copyFileSync, renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const [prefix, extension] = { win32: ['', 'dll'], darwin: ['lib', 'dylib'] }[process.platform] ?? ['lib', 'so']

const target = process.env.CARGO_TARGET_DIR ?? `${here}../../target`
execFileSync('cargo', ['build', '--quiet', '--package', 'ask'], { cwd: here, stdio: 'inherit' })
// Not written in place: a process that has the old one loaded would crash.
copyFileSync(`${target}/debug/${prefix}ask.${extension}`, `${here}ask.node.new`)
renameSync(`${here}ask.node.new`, `${here}ask.node`)
