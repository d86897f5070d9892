/** texample/client: data out of images from other origins, in the browser. */

import { createClient } from './client.mjs'
import { open } from './frame.mjs'

export { TexampleError } from './error.mjs'
export const { queryXD, xdClient, decodeImage } = createClient(open, 0)
