import { expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import { AzureError } from '../azure/errors.ts'
import { isSilence, isTurnedAway } from '../azure/reach.ts'
import { ABANDON_ANNOTATION, leftBehind } from '../held.ts'
import { abandonment, isAbandoned } from './abandonment.ts'
import { leaving, machineOf, now, settings, sight, UID } from './sights.fixture.ts'
import { silences } from './silence.ts'
import { statusOf } from './status.ts'

const annotations = { [ABANDON_ANNOTATION]: 'yes' }

test('only an object that is being deleted can be abandoned', () => {
  expect(isAbandoned(machineOf({ metadata: { annotations } }))).toBe(false)
  expect(isAbandoned(machineOf({ metadata: leaving }))).toBe(false)
  expect(isAbandoned(machineOf({ metadata: { ...leaving, annotations } }))).toBe(true)
})

test('what is left behind is told by name, by place and by what it is tagged with', () => {
  const { message } = abandonment(machineOf(), 'AzureUnreachable')
  expect(message).toContain('AzureUnreachable')
  expect(message).toContain('in /subscriptions/sub/resourceGroups/rg: ')
  for (const name of ['vm-1', 'nic', 'ip', 'os']) expect(message).toContain(`gvm-${UID}-${name}`)
  expect(abandonment(machineOf({ status: 'None' }), 'X').message).toContain(`named gvm-${UID}-`)
})

test('it is on record until Azure can be asked again', () => {
  const abandoned = { reason: 'LeftBehind', message: 'That.' }
  const seen = sight({ metadata: { ...leaving, annotations } })
  const status = statusOf(seen, {}, { abandoned })
  expect(leftBehind(status.conditions)).toBe('That.')
  expect(condition(statusOf(sight({ metadata: leaving, status }), {}, {}).conditions, 'Abandoned')).toBeUndefined()
})

test('one silence proves nothing, a minute of it does, and an answer begins it anew', () => {
  const silent = silences(settings)
  const after = (seconds: number) => silent.isLasting(UID, new Date(now.getTime() + seconds * 1000))
  expect([after(0), after(59), after(60)]).toEqual([false, false, true])
  silent.broken(UID)
  expect([after(61), after(120), after(121)]).toEqual([false, false, true])
})

test.each<[code: string, status: number | undefined, silence: boolean, turnedAway: boolean]>([
  ['AzureUnreachable', undefined, true, false],
  ['InternalServerError', 500, true, false],
  ['AzureCredentialsRefused', 401, false, true],
  ['AuthorizationFailed', 403, false, true],
  ['SubscriptionNotFound', 404, false, true],
  ['TooManyRequests', 429, false, false],
  ['RequestBudgetSpent', undefined, false, false],
  ['ScopeLocked', 409, false, false],
  ['SkuNotAvailable', 409, false, false],
])('%s (%s) is silence: %s, a turning away: %s', (code, status, silence, turnedAway) => {
  const error = new AzureError(code, 'No.', { status })
  expect([isSilence(error), isTurnedAway(error)]).toEqual([silence, turnedAway])
})
