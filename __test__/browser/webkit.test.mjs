import { launchWebkit } from '../../devtools/browser-webkit.mjs'
import { testClient } from './client-behaviour.mjs'

testClient(launchWebkit, 'webkit', { endsDownloads: false })
