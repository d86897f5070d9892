/**
 * Under `npm run coverage`: what a page runs of js/client is counted, as Node.js counts what it
 * runs itself.
 */

import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'

/**
 * Counts from now on; the page must not have loaded the client yet.
 * @param {import('playwright-core').Page} page
 * @returns {Promise<() => Promise<void>>} ends the count and writes it down
 */
export async function countPage(page) {
  const folder = process.env.NODE_V8_COVERAGE
  if (!folder) return async () => {}
  await page.coverage.startJSCoverage({ resetOnNavigation: false })
  return async () => {
    const result = (await page.coverage.stopJSCoverage()).flatMap(({ scriptId, url, functions }) => {
      const { pathname } = new URL(url)
      if (!pathname.startsWith('/client/')) return []
      return [{ scriptId, url: new URL(`../../js${pathname}`, import.meta.url).href, functions }]
    })
    await writeFile(path.join(folder, `coverage-page-${randomUUID()}.json`), JSON.stringify({ result }))
  }
}
