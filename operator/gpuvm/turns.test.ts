import { expect, test } from 'vitest'
import { handClock } from '../../lib/kube/hand-clock.ts'
import { AzureError, BUDGET_SPENT, THROTTLED } from '../azure/errors.ts'
import { machineOf } from './sights.fixture.ts'
import { turns } from './turns.ts'

const unanswered = (code: string, afterSeconds: number | undefined) => {
  const error = new AzureError(code, 'Later.')
  return { is: 'Unanswered' as const, code, error, afterSeconds, verdict: {} }
}

test('who was told to come back is not looked at before, however often somebody asks for it', async () => {
  const clock = handClock()
  const its = turns({ clock, random: () => 1 })
  const machine = machineOf()
  expect(its.later(machine, unanswered(BUDGET_SPENT, 40))).toMatchObject({ requeueAfterSeconds: 40 })
  await clock.advance(30)
  expect(its.waits(machine)).toMatchObject({ requeueAfterSeconds: 10 })
  await clock.advance(10)
  expect(its.waits(machine)).toBeUndefined()
})

test('a change of the object is a reason to look at once', () => {
  const its = turns({ clock: handClock(), random: () => 1 })
  its.later(machineOf(), unanswered(BUDGET_SPENT, 40))
  expect(its.waits(machineOf({ metadata: { resourceVersion: '8' } }))).toBeUndefined()
})

test('those whom Azure told the same time do not come back together, and the list may show that it listens again', () => {
  const its = turns({ clock: handClock(), random: () => 0.5 })
  const machine = machineOf()
  expect(its.later(machine, unanswered(THROTTLED, 40))).toMatchObject({ requeueAfterSeconds: 45 })
  expect(its.waits(machine)).toBeUndefined()
  expect(() => its.later(machine, unanswered('AzureUnreachable', undefined))).toThrow('Later.')
})
