/**
 * What one hot document bears: claims a second with 1, 8 and 64 clients, each claiming flat out.
 */

import { name, openSequence, server } from './server.mjs'

const MS = 6000

export async function run() {
  const { url } = await server()
  /** @type {import('../report.mjs').Row[]} */
  const rows = []
  for (const clients of [1, 8, 64]) {
    const shared = name()
    // Another application name is another URL, and so another pool with connections of its own.
    const sequences = Array.from({ length: clients }, (_, i) => {
      return openSequence(shared, { url: `${url}&appName=client${i}`, step: 1, maxStep: 1, horizon: 0 })
    })
    await Promise.all(sequences.map((sequence) => sequence.ready()))
    const claims = () => sequences.reduce((sum, sequence) => sum + sequence.stats().claims, 0)
    const before = claims()
    const begun = performance.now()
    await Promise.all(
      sequences.map(async (sequence) => {
        while (performance.now() - begun < MS) await sequence.nextIds(1)
      }),
    )
    const value = ((claims() - before) / (performance.now() - begun)) * 1000
    await Promise.all(sequences.map((sequence) => sequence.close()))
    const ratio = rows[0] && value / rows[0].value
    rows.push({
      what: `${clients} ${clients === 1 ? 'client' : 'clients'}`,
      value,
      unit: 'claims/s',
      ratio,
      than: 'one client',
    })
  }
  return rows
}
