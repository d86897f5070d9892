import { it } from 'node:test'
import { bridgeScenarios, runScenario } from '../devtools/scenario.mjs'

for (const [name, scenario] of Object.entries(await bridgeScenarios())) {
  if (!scenario.long) it(name, () => runScenario(name, scenario))
}
