// What Azure refuses, cannot make sense of, or does not come to an end with: on one cluster and one Azure, which all suites
// share, each scene in a namespace of its own, and what is made to fail confined to a machine.
import { afterAll, beforeAll, describe } from 'vitest'
import { badInputIsAnswered } from './bad-input.suite.ts'
import { overdueOperationsAreTold } from './overdue.suite.ts'
import { refusalsAreDecidedOn } from './refusals.suite.ts'
import { refusedBesideItIsPlayedOn } from './refused-beside.suite.ts'
import { refusedPartsAreMended } from './refused-parts.suite.ts'
import { startWorld, type World } from './support/world.ts'

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
describe.concurrent('bad input', () => badInputIsAnswered(world))
describe.concurrent('beside', () => refusedBesideItIsPlayedOn(world))
