// Who gets what there is, when Azure or a limit makes it scarce: on one cluster and one Azure, which all suites share, each
// scene in a namespace of its own, and what is scarce is so in a region of its own.
import { describe } from 'vitest'
import { capacityIsShared } from './capacity.suite.ts'
import { shortageIsBorne } from './scarcity.suite.ts'
import { sharedWorld } from './support/shared-world.ts'

const world = sharedWorld({
  regionsLike: { westeurope: ['eastus', 'francecentral', 'germanywestcentral', 'swedencentral', 'uksouth'] },
})

// What takes longest goes first.
describe.concurrent('scarcity', () => shortageIsBorne(world))
describe.concurrent('capacity', () => capacityIsShared(world))
