import { launchFirefox } from '../../devtools/browser-firefox.mjs'
import { testClient, testResistance } from './client-behaviour.mjs'

testClient(() => launchFirefox(), 'firefox')
testResistance(() => launchFirefox({ 'privacy.resistFingerprinting': true }), 'firefox with resistFingerprinting')
