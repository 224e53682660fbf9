// Each row of the table of Azure's errors, answered to a PUT and late on its operation; each part of a machine refused;
// operations that do not come to an end; and a move to another region, cut off after any of its calls. On one cluster and one
// Azure, each scene in a namespace of its own, and what is made to fail confined to a machine.
import { describe } from 'vitest'
import { movesAreFinished } from '../operator/moves.suite.ts'
import { overdueOperationsAreTold } from '../operator/overdue.suite.ts'
import { refusalsAreDecidedOn } from '../operator/refusals.suite.ts'
import { refusedPartsAreMended } from '../operator/refused-parts.suite.ts'
import { sharedWorld } from '../operator/support/shared-world.ts'

const world = sharedWorld({ azureArguments: ['--throttling=off'] })

// One after the other: many machines play in each, and the first tells what is only to be seen for a while.
describe('overdue', () => overdueOperationsAreTold(world))
describe('parts', () => refusedPartsAreMended(world))
describe.concurrent('machines', () => refusalsAreDecidedOn(world))
describe.concurrent('moves', () => movesAreFinished(world))
