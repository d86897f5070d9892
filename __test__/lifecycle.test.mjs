import { it } from 'node:test'
import { runScenario, scenarios } from '../devtools/scenario.mjs'

for (const [name, { long = false }] of Object.entries(scenarios)) {
  if (!long) it(name, () => runScenario(name))
}
