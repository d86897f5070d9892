/** `npm run pictures`: the README's pictures, taken of the running demo. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { build } from './build.mjs'
import { main, root, withTemporary } from './command.mjs'

const url = 'http://127.0.0.1:3900/'

await main(async () => {
  await build()
  const { launchChromium } = await import('../devtools/chromium.mjs')
  await withTemporary('pictures', (folder) => take(launchChromium, folder))
})

async function take(launchChromium, folder) {
  const demo = spawn(process.execPath, ['scripts/start.mjs'], {
    cwd: root,
    env: { ...process.env, PORT: '3900', TEXAMPLE_IDS_URL: `sqlite:${path.join(folder, 'ids.db')}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const browser = await launchChromium()
  try {
    for await (const text of demo.stdout) if (String(text).includes(url)) break
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      const page = await browser.newPage({ colorScheme, locale: 'en-US', viewport: { width: 1280, height: 900 } })
      await page.goto(url)
      // Some seconds of each plot, with the block in the middle of the first.
      await page.waitForTimeout(3500)
      await page.click('#block')
      await page.mouse.move(0, 0)
      await page.waitForTimeout(4500)
      const { y, height } = await page.locator('section.ids').boundingBox()
      const clip = { x: 0, y: 0, width: 1280, height: Math.round(y + height + 24) }
      const file = path.join('docs', `demo-${colorScheme}.png`)
      await page.screenshot({ path: path.join(root, file), clip, fullPage: true })
      await page.close()
      console.log(file)
    }
  } finally {
    await browser.close()
    demo.kill('SIGINT')
    await once(demo, 'exit')
  }
}
