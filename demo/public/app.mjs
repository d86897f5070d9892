import { showIds } from './ids.mjs'
import { showImage } from './image.mjs'
import { showTicks } from './ticks.mjs'

/** What works and what does not, in one line at the foot of the page. */
export function say(text) {
  document.getElementById('status').textContent = text
}

const dataOrigin = new URL(location.href)
dataOrigin.port = String(Number(location.port || 80) + 1)

showTicks(say)
showIds(say)
await showImage(dataOrigin.origin, say)
