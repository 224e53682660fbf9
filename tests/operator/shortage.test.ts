// Who gets what there is, when Azure or a limit makes it scarce: on one cluster and one Azure, which all suites share, each
// scene in a namespace of its own, and what is scarce is so in a region of its own.
import { afterAll, beforeAll, describe } from 'vitest'
import { capacityIsShared } from './capacity.suite.ts'
import { shortageIsBorne } from './scarcity.suite.ts'
import { startWorld, type World } from './support/world.ts'

let running: World | undefined
beforeAll(async () => {
  running = await startWorld({
    regionsLike: { westeurope: ['eastus', 'francecentral', 'germanywestcentral', 'swedencentral', 'uksouth'] },
  })
})
afterAll(async () => await running?.stop())

function world(): World {
  if (running === undefined) throw new Error('The world has not started.')
  return running
}

describe.concurrent('capacity', () => capacityIsShared(world))
describe.concurrent('scarcity', () => shortageIsBorne(world))
