// What befalls machines, and what becomes of them: on one cluster and one Azure, which all suites share, each scene in a
// namespace of its own, and what is made to fail confined to a machine, a size or a region.
import { afterAll, beforeAll, describe } from 'vitest'
import { evictionsEndWell } from './evictions.suite.ts'
import { machinesLive } from './gpuvm.suite.ts'
import { lateDeletesHarmNobody } from './late-deletes.suite.ts'
import { lostRepliesMakeNoDifference } from './lost-replies.suite.ts'
import { sessionsMove } from './moves.suite.ts'
import { refusedEndsAreTold } from './refused-ends.suite.ts'
import { startWorld, type World } from './support/world.ts'
import { troublesAreOvercome } from './troubles.suite.ts'

let running: World | undefined
beforeAll(async () => {
  running = await startWorld({
    regionsLike: { westeurope: ['francecentral', 'swedencentral'], northeurope: ['uksouth'] },
  })
})
afterAll(async () => await running?.stop())

function world(): World {
  if (running === undefined) throw new Error('The world has not started.')
  return running
}

// What takes longest goes first.
describe.concurrent('moves', () => sessionsMove(world))
describe.concurrent('lives', () => machinesLive(world))
describe.concurrent('evictions', () => evictionsEndWell(world))
describe.concurrent('troubles', () => troublesAreOvercome(world))
describe.concurrent('refused ends', () => refusedEndsAreTold(world))
describe.concurrent('late deletes', () => lateDeletesHarmNobody(world))
describe.concurrent('lost replies', () => lostRepliesMakeNoDifference(world))
