// What people do to the resources, and what it costs the API server: on one cluster and one Azure, which all suites share,
// each scene in a namespace of its own.
import { describe } from 'vitest'
import { boundsHold } from '../crds/bounds.suite.ts'
import { heldBackAndLetGo } from './held.suite.ts'
import { limitsAreKept } from './limits.suite.ts'
import { misuseIsAnswered } from './misuse.suite.ts'
import { restoredObjectsPlayOn } from './restored.suite.ts'
import { sharedWorld } from './support/shared-world.ts'
import { livesCostFewWrites } from './writes.suite.ts'

// Boots long enough for every phase to be seen, however busy the machine is.
const world = sharedWorld({ guestArguments: ['--boot-seconds=75'] })

describe('writes', () => livesCostFewWrites(world)) // By itself: it counts.
describe.concurrent('the schemas', () => boundsHold(() => world().api))
describe.concurrent('held back', () => heldBackAndLetGo(world))
describe.concurrent('limits', () => limitsAreKept(world))
describe.concurrent('restored', () => restoredObjectsPlayOn(world))
describe.concurrent('what should not be done', () => misuseIsAnswered(world))
