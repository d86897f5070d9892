/** What the client does in any browser. */

import { testDamage } from './damage.mjs'
import { testEncoding } from './encode.mjs'
import { testNoise } from './noise.mjs'
import { testQueries } from './query.mjs'
import { openRoom } from './room.mjs'
import { testSources } from './sources.mjs'
import { testWorkers } from './workers.mjs'

/**
 * @param {() => Promise<import('./room.mjs').Driver>} launch
 * @param {string} browser its name
 * @param {{ endsDownloads?: boolean }} [options] whether it closes the connection of an image that
 *   is given up; WebKit does not, whatever becomes of the element
 */
export function testClient(launch, browser, { endsDownloads = true } = {}) {
  const room = openRoom(launch, browser)
  testQueries(room, { endsDownloads })
  testSources(room)
  testDamage(room)
  testNoise(room)
  testEncoding(room)
  testWorkers(room)
}
