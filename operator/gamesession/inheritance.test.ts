import { expect, test } from 'vitest'
import { decide } from './decision.ts'
import { phases } from './phases.ts'
import { machineFor, sessionOf, sight } from './sights.fixture.ts'

test('I1: what a restored session had under another UID is taken over before anything else is decided', () => {
  const machine = machineFor({})
  const seen = sight({ observed: { machines: [], inherited: [machine] } })
  expect(decide(phases, seen).step).toEqual({ do: 'TakeOver', machine })
})

test('I2: in its end too, so that nothing is left behind', () => {
  const machine = machineFor({})
  const seen = sight({
    session: sessionOf({ spec: { desiredState: 'Ended' } }),
    observed: { machines: [], inherited: [machine] },
  })
  expect(decide(phases, seen).step).toEqual({ do: 'TakeOver', machine })
})
