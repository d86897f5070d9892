/**
 * A headless Firefox, driven over WebDriver BiDi: TEXAMPLE_FIREFOX, else `firefox-esr` or `firefox`
 * on the PATH.
 */

import { accessSync, constants } from 'node:fs'
import path from 'node:path'

import puppeteer from 'puppeteer-core'

/**
 * @param {Record<string, unknown>} [preferences]
 * @returns {Promise<import('../__test__/browser/room.mjs').Driver>}
 */
export async function launchFirefox(preferences = {}) {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: findFirefox(),
    headless: true,
    extraPrefsFirefox: preferences,
    timeout: 90_000,
  })
  return {
    async open(url) {
      const page = await browser.newPage()
      await page.goto(url)
      return {
        evaluate: (work, argument) => page.evaluate(/** @type {any} */ (work), argument),
        close: () => page.close(),
      }
    },
    close: () => browser.close(),
  }
}

function findFirefox() {
  const named = process.env.TEXAMPLE_FIREFOX
  if (named) return named
  for (const name of ['firefox-esr', 'firefox']) {
    for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
      try {
        const file = path.join(folder, name)
        accessSync(file, constants.X_OK)
        return file
      } catch {
        // Not here.
      }
    }
  }
  throw new Error('There is no Firefox. On Debian: "apt-get install firefox-esr"; or name one with TEXAMPLE_FIREFOX.')
}
