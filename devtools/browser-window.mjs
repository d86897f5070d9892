/** Chromium with a window on a virtual display, with background tabs as a user has them. */

import puppeteer from 'puppeteer-core'

import { FLAGS, findChromiumWithWindow } from './chromium.mjs'
import { openDisplay } from './xvfb.mjs'

/** What drivers switch off so that a tab in the background behaves as one in front. */
const UNNATURAL = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
]

/** @returns {Promise<{ browser: import('puppeteer-core').Browser, close: () => Promise<void> }>} */
export async function openWindow() {
  const executablePath = await findChromiumWithWindow()
  const display = await openDisplay()
  try {
    const browser = await puppeteer.launch({
      executablePath,
      headless: false,
      args: FLAGS,
      ignoreDefaultArgs: UNNATURAL,
      env: { ...process.env, DISPLAY: display.display },
      timeout: 60_000,
    })
    return {
      browser,
      async close() {
        await browser.close()
        await display.close()
      },
    }
  } catch (error) {
    await display.close()
    throw error
  }
}
