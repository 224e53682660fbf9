import { expect, test } from 'vitest'
import { AzureError } from '../azure/errors.ts'
import { hindranceOf } from './hindrance.ts'
import { bare, playing, sight, without } from './sights.fixture.ts'

const seen = sight({ status: without(playing, 'vmId', 'stream'), observed: bare })
const creating = {
  step: { do: 'CreateVirtualMachine' } as const,
  because: { reason: 'Creating', message: '' },
  requeueAfterSeconds: 4,
}

test('throttled: nothing is learnt, and Azure says when to come back', () => {
  const error = new AzureError('TooManyRequests', 'Slow down.', { status: 429, retryAfterSeconds: 17 })
  expect(hindranceOf(error, seen, creating)).toMatchObject({ is: 'Unanswered', error, afterSeconds: 17 })
})

test('no answer: the same again, with the backoff of the queue', () => {
  const error = new AzureError('AzureUnreachable', 'Nobody there.')
  expect(hindranceOf(error, seen, creating)).toMatchObject({ is: 'Unanswered', error, afterSeconds: undefined })
})

test('busy: what stands in the way is told, and looked at again when it can have gone', () => {
  const error = new AzureError('NicReservedForAnotherVm', 'Reserved for 180 seconds.', { status: 400 })
  expect(hindranceOf(error, seen, creating)).toMatchObject({
    is: 'Busy',
    verdict: { because: { reason: 'NicReservedForAnotherVm' }, requeueAfterSeconds: 30 },
  })
})

test('a machine that is gone when it is to be started is looked for, not looked up in the catalogue', () => {
  const error = new AzureError('ResourceNotFound', 'No such VM.', { status: 404 })
  expect(hindranceOf(error, seen, { step: { do: 'StartVirtualMachine' } })).toMatchObject({ is: 'Busy' })
  expect(hindranceOf(error, seen, creating)).toMatchObject({
    is: 'Refused',
    verdict: { stalled: { reason: 'ResourceNotFound' } },
  })
})

test('refused: on record, told as such, and asked again in a minute', () => {
  const error = new AzureError('SkuNotAvailable', 'None here.', { status: 409 })
  expect(hindranceOf(error, seen, creating)).toMatchObject({
    is: 'Refused',
    refused: { code: 'SkuNotAvailable', message: 'None here.', retryable: true },
    verdict: { because: { reason: 'CapacityRefused' }, requeueAfterSeconds: 60 },
  })
})
