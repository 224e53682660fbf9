import { expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import { ABANDON_ANNOTATION, SUSPEND_ANNOTATION } from '../held.ts'
import { at, machineFor, pass, sessionOf } from './sights.fixture.ts'

const final = { endReason: 'Deleted', billing: { seconds: 60, final: true } } as const
const leaving = { deletionTimestamp: at(90) }
const abandon = { annotations: { [ABANDON_ANNOTATION]: '' } }
const condemned = machineFor({
  metadata: { ...leaving, ...abandon },
  status: {
    conditions: [
      { type: 'Abandoned', status: 'True', reason: 'LeftBehind', message: 'That stays.', lastTransitionTime: at(91) },
    ],
  },
})

test('an abandoned session has its leaving machine abandoned, and nothing else', () => {
  const ending = sessionOf({ status: final, metadata: { ...leaving, ...abandon } })
  const { verdict } = pass({ session: ending, machines: [machineFor({ metadata: leaving })] })
  expect(verdict.step).toMatchObject({ do: 'AnnotateMachine', annotations: { [ABANDON_ANNOTATION]: '' } })
  const playing = sessionOf({ metadata: abandon })
  expect(pass({ session: playing, machines: [machineFor({ playingSince: at(0) })] }).verdict.step).toBeUndefined()
})

test('what is left behind is on record of the session before its machine is let go, and stays there', () => {
  const session = sessionOf({ status: final, metadata: leaving })
  const { verdict, status } = pass({ session, machines: [condemned] })
  expect(verdict.step).toMatchObject({ do: 'LetMachineGo' })
  expect(condition(status.conditions, 'Abandoned')).toMatchObject({ status: 'True', message: 'That stays.' })
  const after = pass({ session: sessionOf({ status, metadata: leaving }) }).status
  expect(after.phase).toBe('Ended')
  expect(condition(after.conditions, 'Ready')?.message).toContain('That stays.')
  expect(condition(after.conditions, 'Abandoned')?.status).toBe('True')
})

test('the end of paid time holds for a suspended machine too; any other end waits for it', () => {
  const machines = [machineFor({ metadata: { annotations: { [SUSPEND_ANNOTATION]: '' } } })]
  const paid = sessionOf({ status: { ...final, endReason: 'PaidTimeUsed' } })
  expect(pass({ session: paid, machines }).verdict.step).toMatchObject({
    do: 'AnnotateMachine',
    annotations: { [SUSPEND_ANNOTATION]: null },
  })
  expect(pass({ session: sessionOf({ status: final }), machines }).verdict.step).toMatchObject({ do: 'DeleteMachine' })
})
