/** One round of a failover, with 32 callers in two processes that allocate all the while. */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { drawer, drawn } from './ids.mjs'
import { startProxy } from './proxy.mjs'

let rounds = 0

/**
 * What can happen: to the primary, to replication, or to the network between the callers and the
 * primary.
 */
export const kinds = /** @type {const} */ (['kill', 'stepDown', 'freeze', 'wtimeout', 'hang', 'reset', 'refuse'])

/**
 * @param {Awaited<ReturnType<typeof import('./mongod.mjs').startReplicaSet>>} set
 * @param {typeof kinds[number]} kind
 * @param {string} path an empty folder
 */
export async function failover(set, kind, path) {
  await set.healthy()
  const primary = await set.primary()
  const proxy = isNetwork(kind) ? await startProxy(primary.port) : undefined
  try {
    return await round(set, primary, kind, path, proxy)
  } finally {
    await proxy?.stop()
  }
}

/** @param {typeof kinds[number]} kind */
const isNetwork = (kind) => kind === 'hang' || kind === 'reset' || kind === 'refuse'

/**
 * @param {Parameters<typeof failover>[0]} set
 * @param {Awaited<ReturnType<typeof set.primary>>} primary
 * @param {typeof kinds[number]} kind
 * @param {string} path
 * @param {Awaited<ReturnType<typeof startProxy>> | undefined} proxy
 */
async function round(set, primary, kind, path, proxy) {
  const name = `failover-${process.pid}-${++rounds}`
  // Short ranges and no horizon: claims are under way all the time, also during the fault.
  const options = { step: 10, maxStep: 200, horizon: 20 }
  const url = proxy
    ? `mongodb://127.0.0.1:${proxy.port}/app?directConnection=true`
    : `${set.uri.replace('/?', '/app?')}${kind === 'wtimeout' ? '&wtimeoutMS=200' : ''}`
  const drawers = [1, 2].map((i) => {
    return drawer({ url, name, count: 1e9, callers: 16, pause: 1, options, file: join(path, `drawn${i}`) })
  })
  try {
    await until(() => drawn(path).length > 2000, 'both processes draw')
    // On a busy machine there may have been an election meanwhile.
    if (!proxy) primary = await set.primary()
    await fault(set, primary, kind, proxy)
    const before = drawn(path).length
    await until(() => drawn(path).length > before + 300, 'both processes draw on')
  } catch (error) {
    const said = await ended(drawers).then(
      (stats) => JSON.stringify(stats, undefined, 2),
      (failure) => failure.message,
    )
    const members = JSON.stringify(await set.status(), undefined, 2)
    throw new Error(
      `${/** @type {Error} */ (error).message}; the processes that draw say: ${said}; ${kind} of ${primary.host}, and the members say: ${members}`,
      { cause: error },
    )
  } finally {
    if (kind === 'freeze') primary.thaw()
    if (kind === 'kill') await primary.restart()
  }
  const stats = await ended(drawers)
  return {
    ids: drawn(path),
    failures: stats.flatMap((one) => one.failures),
    errors: stats.reduce((sum, one) => sum + one.errors, 0),
    maxWaitMs: Math.max(...stats.map((one) => one.maxWaitMs)),
  }
}

/** @param {ReturnType<typeof drawer>[]} drawers */
async function ended(drawers) {
  for (const { child } of drawers) child.kill('SIGTERM')
  return (await Promise.all(drawers.map((one) => one.done))).flat()
}

/**
 * @param {Parameters<typeof failover>[0]} set
 * @param {Awaited<ReturnType<typeof set.primary>>} primary
 * @param {typeof kinds[number]} kind
 * @param {Awaited<ReturnType<typeof startProxy>> | undefined} proxy
 */
async function fault(set, primary, kind, proxy) {
  const secondaries = set.members.filter((member) => member !== primary)
  if (kind === 'kill') {
    await Promise.all(secondaries.map((member) => member.failpoint('stopReplProducer', 'alwaysOn')))
    // The lag grows: a claim that less than a majority acknowledged would be rolled back.
    await sleep(300)
    await primary.kill()
    await Promise.all(secondaries.map((member) => member.failpoint('stopReplProducer', 'off')))
    await set.primary()
  } else if (kind === 'stepDown') {
    await primary.command({ replSetStepDown: 5, force: true }).catch(() => {})
    await set.primary()
  } else if (kind === 'freeze') {
    primary.freeze()
    await set.primary()
  } else if (proxy && kind === 'reset') {
    proxy.set('reset')
    // The driver itself repeats a claim once when its connection is dead. So answers of claims that
    // were applied are lost too: of five in two processes, not all are repeated by the driver.
    proxy.lose((request) => request.includes('\x02findAndModify\0'))
    await until(() => proxy.lost >= 5, 'claims meet the fault')
    proxy.lose(undefined)
  } else if (proxy) {
    proxy.set(/** @type {'hang' | 'refuse'} */ (kind))
    await sleep(1500)
    proxy.set('pass')
  } else {
    await Promise.all(secondaries.map((member) => member.failpoint('stopReplProducer', 'alwaysOn')))
    await sleep(1500)
    await Promise.all(secondaries.map((member) => member.failpoint('stopReplProducer', 'off')))
  }
}

/**
 * @param {() => boolean} condition
 * @param {string} what
 */
async function until(condition, what) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) if (condition()) return
  throw new Error(`not within 60 s: ${what}`)
}
