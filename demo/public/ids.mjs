/**
 * The ids: what three processes draw, the ranges they claim, and the waits beside the old way's.
 */

import { at, post, say, whole } from './dom.mjs'
import { colour, livePlot, windowSeconds } from './plot.mjs'

const colours = ['--blue', '--green', '--red']

export function showIds() {
  const line = (name) => ({
    stroke: () => colour(name),
    width: 0,
    paths: () => null,
    points: { show: true, size: 3, fill: () => colour(name), width: 0 },
  })
  const claimMark = {
    stroke: () => colour('--soft'),
    paths: () => null,
    points: { show: true, size: 9, width: 1.5, fill: () => colour('--card') },
  }
  const plot = livePlot(at('id-plot'), [...colours.map(line), claimMark], {
    range: (_u, min, max) => (min === null ? [0, 1] : [min - (max - min) * 0.08, max + (max - min) * 0.08 + 1]),
    values: (_u, splits) => splits.map((id) => (Number.isInteger(id) ? whole.format(id) : '')),
  })

  /** @type {[number, number, number][]} time, series, id */
  let points = []
  const counts = { texample: new Map(), original: new Map() }
  let highest = 0

  const stream = new EventSource('/ids')
  stream.onmessage = ({ data }) => {
    const { process, error, drawn, claims, texample, original } = JSON.parse(data)
    if (error !== undefined) return say(`Process ${process + 1}: ${error}`)
    if (drawn === undefined) return
    for (const [time, id] of drawn) {
      points.push([time, process, id])
      highest = Math.max(highest, id)
    }
    for (const [time, id] of claims) points.push([time, colours.length, id])
    counts.texample.set(process, texample)
    counts.original.set(process, original)
  }

  setInterval(() => {
    const now = Date.now()
    points = points.filter(([time]) => time > now - windowSeconds * 1000).sort(([a], [b]) => a - b)
    const columns = Array.from({ length: colours.length + 2 }, () => [])
    for (const [time, series, id] of points) {
      columns[0].push(time / 1000)
      for (let s = 0; s <= colours.length; s += 1) columns[s + 1].push(s === series ? id : null)
    }
    plot.show(columns, now / 1000)
    if (highest > 0) at('id').textContent = whole.format(highest)
    showCounts('new', counts.texample)
    showCounts('old', counts.original)
  }, 100)

  at('burst').addEventListener('click', () => post('/burst'))
  at('kill').addEventListener('click', async ({ target }) => {
    target.disabled = true
    say('The primary is dead; the others elect a new one …')
    if (await post('/kill')) say('There is a new primary, and the old one is back as a secondary.')
    target.disabled = false
  })
}

function showCounts(prefix, byProcess) {
  if (byProcess.size === 0) return
  const all = [...byProcess.values()]
  const sum = (key) => all.reduce((total, counts) => total + counts[key], 0)
  const issued = sum('issued')
  at(`${prefix}-issued`).textContent = whole.format(issued)
  at(`${prefix}-waits`).textContent = issued === 0 ? '–' : `${((sum('waits') / issued) * 100).toFixed(2)} %`
  at(`${prefix}-longest`).textContent = `${Math.max(...all.map(({ longest }) => longest)).toFixed(1)} ms`
}
