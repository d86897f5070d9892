/**
 * Makes the classic scripts of the browser client from its modules, and holds both to their sizes.
 * `node scripts/client.mjs`: writes them. `node scripts/client.mjs --check`: fails when one is
 * stale or too large.
 */

import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { gzipSync } from 'node:zlib'

import { commandLine, Failure, main, root } from './command.mjs'
import { install } from './install.mjs'

const folder = path.join(root, 'js', 'client')

/** What a page loads, and the most bytes of it minified and gzipped. */
const entries = [
  { module: 'index.mjs', script: 'texample.js', most: 2560 },
  { module: 'robust.mjs', script: 'texample-robust.js', most: 3584 },
  { module: 'encode.mjs', most: 1536 },
]

await main(async () => {
  const { check } = commandLine({ check: 'boolean' })
  await install()
  const wrong = []
  for (const { module, script, most } of entries) {
    const size = gzipSync(await bundle(module, { format: 'esm' }), { level: 9 }).length
    console.log(`js/client/${module}: ${size} of ${most} bytes, minified and gzipped`)
    if (size > most) wrong.push(`js/client/${module} has ${size - most} bytes too many`)
    if (script === undefined) continue

    const banner = { js: `/* Generated from ${module} by scripts/client.mjs: the client as window.texample. */` }
    const text = await bundle(module, { format: 'iife', globalName: 'texample', banner })
    const file = path.join(folder, script)
    if (!check) await writeFile(file, text)
    else if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
      wrong.push(`js/client/${script} is stale: run "node scripts/client.mjs" and commit it`)
    }
  }
  if (wrong.length > 0) throw new Failure(wrong.join('\n'))
})

/**
 * @param {string} module
 * @param {import('esbuild').BuildOptions} options
 */
async function bundle(module, options) {
  const { build } = await import('esbuild')
  const result = await build({
    entryPoints: [path.join(folder, module)],
    bundle: true,
    minify: true,
    write: false,
    target: 'es2022',
    ...options,
  })
  return result.outputFiles[0].text
}
