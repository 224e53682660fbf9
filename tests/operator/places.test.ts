// Zones, subscriptions, and what is left over in them: on one cluster and one Azure, which all suites share, each scene in a
// namespace of its own, and what is made to fail confined to a machine, a region or a subscription.
import { describe } from 'vitest'
import { subscriptionArguments, subscriptionsStandApart } from './subscriptions.suite.ts'
import { sharedWorld } from './support/shared-world.ts'
import { orphansAreSwept } from './sweeper.suite.ts'
import { zonesAreUsed } from './zones.suite.ts'

const world = sharedWorld({
  azureArguments: subscriptionArguments,
  regionsLike: { northeurope: ['eastus', 'francecentral', 'germanywestcentral', 'swedencentral', 'uksouth'] },
})

// What takes longest goes first.
describe.concurrent('zones', () => zonesAreUsed(world))
describe.concurrent('sweeper', () => orphansAreSwept(world))
describe.concurrent('subscriptions', () => subscriptionsStandApart(world))
