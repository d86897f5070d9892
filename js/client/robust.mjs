/** texample/client/robust: the same, and it reads images that survive a noisy canvas. */

import { createClient } from './client.mjs'
import { openRobust } from './robust-frame.mjs'

export { TexampleError } from './error.mjs'
export const { queryXD, xdClient, decodeImage } = createClient(openRobust, 3)
