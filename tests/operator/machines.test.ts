// What befalls machines, and what becomes of them: on one cluster and one Azure, which all suites share, each scene in a
// namespace of its own, and what is made to fail confined to a machine, a size or a region.
import { describe } from 'vitest'
import { evictionsEndWell } from './evictions.suite.ts'
import { machinesLive } from './gpuvm.suite.ts'
import { lateDeletesHarmNobody } from './late-deletes.suite.ts'
import { lostRepliesMakeNoDifference } from './lost-replies.suite.ts'
import { sessionsMove } from './moves.suite.ts'
import { refusedEndsAreTold } from './refused-ends.suite.ts'
import { sharedWorld } from './support/shared-world.ts'
import { troublesAreOvercome } from './troubles.suite.ts'

const world = sharedWorld({
  regionsLike: { westeurope: ['francecentral', 'swedencentral'], northeurope: ['uksouth'] },
})

// What takes longest goes first.
describe.concurrent('moves', () => sessionsMove(world))
describe.concurrent('lives', () => machinesLive(world))
describe.concurrent('evictions', () => evictionsEndWell(world))
describe.concurrent('troubles', () => troublesAreOvercome(world))
describe.concurrent('refused ends', () => refusedEndsAreTold(world))
describe.concurrent('late deletes', () => lateDeletesHarmNobody(world))
describe.concurrent('lost replies', () => lostRepliesMakeNoDifference(world))
