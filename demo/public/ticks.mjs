/** The ticker: each tick as it arrives, and how late. */

import { at, post, say, whole } from './dom.mjs'
import { colour, livePlot, windowSeconds } from './plot.mjs'

export function showTicks() {
  const plot = livePlot(
    at('tick-plot'),
    [{ stroke: () => colour('--red'), fill: () => `${colour('--red')}33`, width: 1.5, points: { show: false } }],
    {
      range: (_u, _min, max) => [0, Math.max(10, max * 1.1)],
      values: (_u, splits) => splits.map((ms) => `${whole.format(ms)} ms`),
    },
  )
  let stream
  /** @type {[number[], number[]]} due time in seconds, lag in ms */
  let data = [[], []]
  let rates = []

  function follow(interval) {
    stream?.close()
    data = [[], []]
    rates = []
    stream = new EventSource(`/ticks?interval=${interval}`)
    stream.onmessage = ({ data: text }) => show(JSON.parse(text))
    stream.onopen = () => say('Live.')
    stream.onerror = () => say('The server is gone; waiting for it to come back …')
  }

  function show({ elapsed, last, posted, dropped, maxQueued, points }) {
    const now = elapsed / 1000
    for (const [due, lag] of points) {
      data[0].push(due / 1000)
      data[1].push(lag)
    }
    const old = data[0].findIndex((time) => time > now - windowSeconds)
    if (old > 0) data = data.map((column) => column.slice(old))
    plot.show(data, now)

    rates.push([elapsed, posted])
    while (rates.length > 2 && rates[0][0] < elapsed - 2000) rates.shift()
    const [since, before] = rates[0]
    if (elapsed - since > 300)
      at('tick-rate').textContent = whole.format(((posted - before) / (elapsed - since)) * 1000)
    if (last >= 0) at('tick').textContent = whole.format(last)
    if (points.length > 0) at('tick-lag').textContent = `${Math.max(...points.map(([, lag]) => lag)).toFixed(1)} ms`
    at('tick-queue').textContent = whole.format(maxQueued)
    at('tick-dropped').textContent = whole.format(dropped)
  }

  // The slider's steps are equal ratios: 1 ms at one end, 1000 ms at the other.
  const slider = at('interval')
  const chosen = () => Number((10 ** ((slider.value / 100) * 3)).toPrecision(2))
  const label = () => {
    at('interval-out').textContent = `${chosen()} ms`
    at('interval-code').textContent = String(chosen())
    slider.setAttribute('aria-valuetext', `${chosen()} milliseconds`)
  }
  slider.addEventListener('input', label)
  slider.addEventListener('change', () => follow(chosen()))
  label()
  follow(chosen())

  at('block').addEventListener('click', async ({ target }) => {
    target.disabled = true
    await post('/block')
    target.disabled = false
  })
}
