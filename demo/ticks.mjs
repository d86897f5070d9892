/** A ticker for each open page: its own native thread, at the pace that the page asks for. */

import { start } from 'texample'
import { openStream } from './stream.mjs'

const frameMs = 50
// How late ticks were is shown for spans of this length, the latest tick of each.
const spanMs = 10

/** Streams what became of the ticks, `frameMs` at a time. */
export function streamTicks(request, response) {
  const asked = Number(request.query.interval)
  const interval = asked >= 1 && asked <= 1000 ? asked : 20

  const send = openStream(request, response, () => {
    clearInterval(frames)
    ticker.stop()
  })
  if (send === undefined) return

  const startedAt = performance.now()
  /** @type {Map<number, number>} the worst lag in ms, by the span in which the tick was due */
  let lags = new Map()
  let last = -1
  const ticker = start(
    (ticks) => {
      const elapsed = performance.now() - startedAt
      for (const i of ticks) {
        const due = (i + 1) * interval
        const span = Math.floor(due / spanMs) * spanMs
        lags.set(span, Math.max(lags.get(span) ?? 0, elapsed - due))
      }
      last = ticks[ticks.length - 1]
    },
    { interval, batch: true },
  )
  const frames = setInterval(() => {
    const { posted, dropped, maxQueued } = ticker.stats()
    const points = [...lags].map(([due, lag]) => [due, Math.round(lag * 100) / 100])
    lags = new Map()
    send({ elapsed: performance.now() - startedAt, last, posted, dropped, maxQueued, points })
  }, frameMs)
}
