import { testClient } from './browser/client-behaviour.mjs'
import { launchChromium } from './support/chromium.mjs'

testClient(async () => {
  const browser = await launchChromium()
  return {
    async open(url) {
      const context = await browser.newContext()
      const page = await context.newPage()
      await page.goto(url)
      return { evaluate: (work, argument) => page.evaluate(work, argument), close: () => context.close() }
    },
    close: () => browser.close(),
  }
}, 'chromium')
