// What Azure cannot make sense of, and what it refuses of a machine that is played on: on one cluster and one Azure, which both
// suites share, each scene in a namespace of its own, and what is made to fail confined to a machine. The whole table of
// Azure's errors is tests/proof/machines.test.ts's.
import { describe } from 'vitest'
import { badInputIsAnswered } from './bad-input.suite.ts'
import { refusedBesideItIsPlayedOn } from './refused-beside.suite.ts'
import { sharedWorld } from './support/shared-world.ts'

const world = sharedWorld({ azureArguments: ['--throttling=off'] })

describe.concurrent('bad input', () => badInputIsAnswered(world))
describe.concurrent('beside', () => refusedBesideItIsPlayedOn(world))
