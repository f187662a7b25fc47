import { after } from 'node:test'
import { contractSuite } from './contract-suite.ts'
import { openStage } from './stage.ts'

const stage = await openStage({ front: false })
after(() => stage.close())
contractSuite(stage)
