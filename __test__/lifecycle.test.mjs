import { it } from 'node:test'
import { ownScenarios, runScenario } from '../devtools/scenario.mjs'

for (const [name, scenario] of Object.entries(ownScenarios())) {
  if (!scenario.long) it(name, () => runScenario(name, scenario))
}
