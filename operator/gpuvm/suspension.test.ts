import { expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import { SUSPEND_ANNOTATION } from '../held.ts'
import { decide, type Step } from './decision.ts'
import { phases } from './phases.ts'
import { leaving, playing, sight, virtualMachine } from './sights.fixture.ts'
import { statusOf } from './status.ts'
import { suspended } from './suspension.ts'

const annotations = { [SUSPEND_ANNOTATION]: '' }
const create: Step = { do: 'CreateVirtualMachine' }
const verdict = { step: create, because: { reason: 'Creating', message: 'It is made.' } }

test('a suspended machine is looked at and nothing is done to it, and no deletion either', () => {
  const held = {
    because: { reason: 'Suspended', message: expect.stringContaining('To do: It is made.') },
    held: create,
  }
  expect(suspended(sight({ metadata: { annotations } }), verdict)).toEqual(held)
  expect(suspended(sight({ metadata: { ...leaving, annotations } }), verdict)).toEqual(held)
  expect(suspended(sight(), verdict)).toBe(verdict)
  expect(suspended(sight({ metadata: { annotations } }), {})).toEqual({})
})

test('the status says so at rest too, for exactly as long as it is so', () => {
  const seen = sight({ metadata: { annotations } })
  const status = statusOf(seen, {}, {})
  expect(condition(status.conditions, 'Ready')).toMatchObject({ status: 'True', reason: 'Running' })
  expect(condition(status.conditions, 'Suspended')).toMatchObject({ status: 'True', reason: 'Annotated' })
  expect(condition(statusOf(sight({ status }), {}, {}).conditions, 'Suspended')).toBeUndefined()
})

test('an eviction while it is suspended is seen as one when it is resumed', () => {
  const observed = { virtualMachine: virtualMachine({ powerState: 'Deallocated' }) }
  const seen = sight({ metadata: { annotations }, observed })
  const held = suspended(seen, decide(phases, seen))
  const status = statusOf(seen, held, {})
  expect(status).toMatchObject({ incarnation: playing.incarnation, stream: { answering: false } })
  expect(condition(status.conditions, 'Playable')?.status).toBe('False')
  const resumed = sight({ status, observed })
  expect(decide(phases, resumed).step).toMatchObject({ do: 'BeginIncarnation', reason: 'Evicted' })
})
