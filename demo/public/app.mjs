import { showIds } from './ids.mjs'
import { showImage } from './image.mjs'
import { showTicks } from './ticks.mjs'

const dataOrigin = new URL(location.href)
dataOrigin.port = String(Number(location.port || 80) + 1)

showTicks()
showIds()
await showImage(dataOrigin.origin)
