/**
 * A headless Firefox, driven over WebDriver BiDi: TEXAMPLE_FIREFOX, else `firefox-esr` or `firefox`
 * on the PATH.
 */

import puppeteer from 'puppeteer-core'
import { onPath } from './executables.mjs'

/**
 * @param {Record<string, unknown>} [preferences]
 * @returns {Promise<import('./browser-driver.mjs').Driver>}
 */
export async function launchFirefox(preferences = {}) {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: await findFirefox(),
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

async function findFirefox() {
  const file = process.env.TEXAMPLE_FIREFOX || (await onPath('firefox-esr', 'firefox'))
  if (file) return file
  throw new Error('There is no Firefox. On Debian: "apt-get install firefox-esr"; or name one with TEXAMPLE_FIREFOX.')
}
