import { expect, test } from 'vitest'
import { KubeError } from '../../lib/kube/errors.ts'
import { ADMISSION_REASONS, ASK_AGAIN_SECONDS, admission } from './admission.ts'
import { placement } from './placement.ts'
import { sight } from './sights.fixture.ts'

const quota =
  'gpuvms.wasd.cloud "evening-centralindia" is forbidden: exceeded quota: games, requested: count/gpuvms.wasd.cloud=1.'

test('what is not admitted is told in a word and a sentence, and asked for again after a while', () => {
  let seconds = 0
  const gate = admission({ monotonic: () => seconds * 1000 })
  expect(gate.refusalOf('uid')).toBeUndefined()

  gate.refused('uid', new KubeError('Forbidden', quota))
  expect(gate.refusalOf('uid')).toEqual({
    reason: 'QuotaExceeded',
    message: `The quota of the namespace admits no further GpuVm: ${quota} The session waits, uncharged.`,
  })
  expect(gate.refusalOf('other')).toBeUndefined()
  seconds = ASK_AGAIN_SECONDS
  expect(gate.refusalOf('uid')).toBeUndefined()

  gate.refused('uid', new KubeError('Forbidden', 'denied by a policy: no machines at night.'))
  expect(gate.refusalOf('uid')).toMatchObject({
    reason: 'MachineForbidden',
    message: expect.stringMatching(/at night\./),
  })
  expect(ADMISSION_REASONS).toContain(gate.refusalOf('uid')?.reason)
  gate.forget('uid')
  expect(gate.refusalOf('uid')).toBeUndefined()
})

test('a session whose machine is not admitted waits for it, and fails for nothing', () => {
  const notAdmitted = { reason: 'QuotaExceeded', message: 'The quota admits none.' }
  const seen = sight()
  expect(placement(seen).step?.do).toBe('CreateMachine')
  expect(placement({ ...seen, observed: { ...seen.observed, notAdmitted } })).toEqual({
    waiting: notAdmitted,
    requeueAfterSeconds: ASK_AGAIN_SECONDS,
  })
})
