// Zones, subscriptions, and what is left over in them: on one cluster and one Azure, which all suites share, each scene in a
// namespace of its own, and what is made to fail confined to a machine, a region or a subscription.
import { afterAll, beforeAll, describe } from 'vitest'
import { subscriptionArguments, subscriptionsStandApart } from './subscriptions.suite.ts'
import { startWorld, type World } from './support/world.ts'
import { orphansAreSwept } from './sweeper.suite.ts'
import { zonesAreUsed } from './zones.suite.ts'

let running: World | undefined
beforeAll(async () => {
  running = await startWorld({
    azureArguments: subscriptionArguments,
    regionsLike: { northeurope: ['eastus', 'francecentral', 'germanywestcentral', 'swedencentral', 'uksouth'] },
  })
})
afterAll(async () => await running?.stop())

function world(): World {
  if (running === undefined) throw new Error('The world has not started.')
  return running
}

describe.concurrent('zones', () => zonesAreUsed(world))
describe.concurrent('subscriptions', () => subscriptionsStandApart(world))
describe.concurrent('sweeper', () => orphansAreSwept(world))
