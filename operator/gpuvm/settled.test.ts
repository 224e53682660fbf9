import { expect, test } from 'vitest'
import { SUSPEND_ANNOTATION } from '../held.ts'
import { isHeardAlone, isSettled } from './settled.ts'
import { type Different, leaving, machineOf, now, playing, refusedBy, settings, sight, UID } from './sights.fixture.ts'
import { statusOf } from './status.ts'

const standing = statusOf(sight(), {}, {})
interface Known {
  listed?: 'Running' | 'Deallocated' | 'Unknown' | 'Missing'
  answering?: boolean | undefined
}

function settled(different: Different, known: Known = {}): boolean {
  return isSettled(machineOf({ status: standing, ...different }), knowledge(known))
}

function knowledge({ listed = 'Running', ...heard }: Known = {}) {
  const answering = 'answering' in heard ? heard.answering : true
  return {
    fleet: { powerState: (name: string) => (listed === 'Missing' || name !== `gvm-${UID}-vm-1` ? undefined : listed) },
    prober: { follow: () => undefined, seen: () => ({ answering, since: undefined, lastAnsweredAt: undefined }) },
    settings,
    now,
  }
}

test.each<{ title: string; different?: Different; known?: Known; is: boolean }>([
  { title: 'I7: all is as asked and nothing speaks against it', is: true },
  { title: 'I7: nor after a restart, before the stream is heard', known: { answering: undefined }, is: true },
  { title: 'the list shows another power state', known: { listed: 'Deallocated' }, is: false },
  { title: 'the list omits it: unknown is no agreement', known: { listed: 'Unknown' }, is: false },
  { title: 'it is not in the list', known: { listed: 'Missing' }, is: false },
  { title: 'the stream fell silent', known: { answering: false }, is: false },
  { title: 'the spec changed', different: { metadata: { generation: 2 } }, is: false },
  {
    title: 'it is suspended, and does not say so yet',
    different: { metadata: { annotations: { [SUSPEND_ANNOTATION]: '' } } },
    is: false,
  },
  { title: 'it is being deleted', different: { metadata: leaving }, is: false },
  { title: 'nothing is on record', different: { status: 'None' }, is: false },
  { title: 'it is not ready', different: { status: playing }, is: false },
  {
    title: 'an operation runs',
    different: { status: { ...standing, operation: { kind: 'Start', resource: 'vm', since: now.toISOString() } } },
    is: false,
  },
  {
    title: 'a refusal is on record',
    different: { status: { ...standing, lastError: refusedBy('SkuNotAvailable') } },
    is: false,
  },
  {
    title: 'the machine has been given notice',
    different: { status: { ...standing, guest: { incarnation: 1, preemptAt: now.toISOString() } } },
    is: false,
  },
])('$title', ({ different = {}, known = {}, is }) => {
  expect(settled(different, known)).toBe(is)
})

test('a stream that has come to answer is no reason to ask Azure, one that fell silent or comes with other news is', () => {
  const silent = { ...standing, stream: { answering: false } }
  const isAlone = (status: typeof standing, known: Known = {}) => isHeardAlone(machineOf({ status }), knowledge(known))
  expect(isAlone(silent)).toBe(true)
  expect(isAlone(standing)).toBe(false)
  expect(isAlone(standing, { answering: false })).toBe(false)
  expect(isAlone(silent, { listed: 'Deallocated' })).toBe(false)
  expect(isAlone({ ...silent, lastError: refusedBy('SkuNotAvailable') })).toBe(false)
})
