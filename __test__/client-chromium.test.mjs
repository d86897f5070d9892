import { testClient } from './browser/client-behaviour.mjs'
import { launchChromium } from './support/chromium.mjs'
import { countPage } from './support/page-coverage.mjs'

testClient(async () => {
  const browser = await launchChromium()
  return {
    async open(url) {
      const context = await browser.newContext()
      const page = await context.newPage()
      const stopCounting = await countPage(page)
      await page.goto(url)
      return {
        evaluate: (work, argument) => page.evaluate(work, argument),
        async close() {
          await stopCounting()
          await context.close()
        },
      }
    },
    close: () => browser.close(),
  }
}, 'chromium')
