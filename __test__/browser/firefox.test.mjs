import { launchFirefox } from '../../devtools/browser-firefox.mjs'
import { testClient } from './client.mjs'
import { testResistance } from './noise.mjs'

testClient(() => launchFirefox(), 'firefox')
testResistance(() => launchFirefox({ 'privacy.resistFingerprinting': true }), 'firefox with resistFingerprinting')
