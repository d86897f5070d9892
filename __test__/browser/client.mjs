/** What the client does in any browser. */

import { testDamage } from './damage.mjs'
import { testEncoding } from './encode.mjs'
import { openHarness } from './harness.mjs'
import { testNoise } from './noise.mjs'
import { testQueries } from './query.mjs'
import { testSources } from './sources.mjs'
import { testWorkers } from './workers.mjs'

/**
 * @param {() => Promise<import('./harness.mjs').Driver>} launch
 * @param {string} browser its name
 * @param {{ endsDownloads?: boolean }} [options] whether it closes the connection of an image that
 *   is given up; WebKit does not, whatever becomes of the element
 */
export function testClient(launch, browser, { endsDownloads = true } = {}) {
  const harness = openHarness(launch, browser)
  testQueries(harness, { endsDownloads })
  testSources(harness)
  testDamage(harness)
  testNoise(harness)
  testEncoding(harness)
  testWorkers(harness)
}
