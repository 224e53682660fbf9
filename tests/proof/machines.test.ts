// Each row of the table of Azure's errors, answered to a PUT and late on its operation; each part of a machine refused;
// operations that do not come to an end; and a move to another region, cut off after any of its calls. On one cluster and one
// Azure, each scene in a namespace of its own, and what is made to fail confined to a machine.
import { afterAll, beforeAll, describe } from 'vitest'
import { movesAreFinished } from '../operator/moves.suite.ts'
import { overdueOperationsAreTold } from '../operator/overdue.suite.ts'
import { refusalsAreDecidedOn } from '../operator/refusals.suite.ts'
import { refusedPartsAreMended } from '../operator/refused-parts.suite.ts'
import { startWorld, type World } from '../operator/support/world.ts'

let running: World | undefined
beforeAll(async () => {
  running = await startWorld({ azureArguments: ['--throttling=off'] })
})
afterAll(async () => await running?.stop())

function world(): World {
  if (running === undefined) throw new Error('The world has not started.')
  return running
}

// One after the other: many machines play in each, and the first tells what is only to be seen for a while.
describe('overdue', () => overdueOperationsAreTold(world))
describe('parts', () => refusedPartsAreMended(world))
describe.concurrent('machines', () => refusalsAreDecidedOn(world))
describe.concurrent('moves', () => movesAreFinished(world))
