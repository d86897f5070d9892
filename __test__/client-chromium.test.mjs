import { launchChromium } from '../devtools/chromium.mjs'
import { countPage } from '../devtools/page-coverage.mjs'
import { testClient } from './browser/client.mjs'

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
