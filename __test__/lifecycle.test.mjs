import { it } from 'node:test'
import { allScenarios, runScenario } from '../devtools/scenario.mjs'

for (const [name, scenario] of Object.entries(await allScenarios())) {
  if (!scenario.long) it(name, () => runScenario(name, scenario))
}
