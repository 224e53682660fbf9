import { expect, test } from 'vitest'
import { handClock } from '../../lib/kube/hand-clock.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { AzureError } from '../azure/errors.ts'
import type { Annotation } from '../azure/provider.ts'
import { annotations } from './annotations.ts'

const at = new Date('2026-11-24T11:58:00Z')
const idIn = (subscription: string, name = 'vm') =>
  `/subscriptions/${subscription}/resourceGroups/rg/virtualMachines/${name}`

async function running(answer: (ids: readonly string[]) => Annotation[]) {
  const clock = handClock()
  const asked: (readonly string[])[] = []
  const stop = new AbortController()
  const noting = annotations({
    azure: {
      async annotations({ machineIds }) {
        asked.push(machineIds)
        return answer(machineIds)
      },
    },
    clock,
    log: createLogger({ program: 'test', level: 'silent' }),
    pollSeconds: 5,
  })
  const run = noting.run({ stop: stop.signal, abort: stop.signal })
  await clock.advance(0)
  const end = async () => {
    stop.abort()
    await run
  }
  return { clock, asked, noting, end }
}

test('I7: nobody is asked about whom nobody wants to know, and a machine is, in whatever case, for two minutes', async () => {
  const { clock, asked, noting, end } = await running(ids => ids.map(machineId => ({ machineId, name: 'X', at })))
  await clock.advance(60)
  expect(asked).toEqual([])
  expect(noting.of(idIn('ONE'))).toBe('Pending')
  await clock.advance(5)
  expect(noting.of(idIn('one'))).toEqual({ name: 'X', at })
  asked.length = 0
  await clock.advance(600)
  expect(asked).toHaveLength(24)
  await end()
})

test('each subscription is asked by itself, a hundred machines in a question, a thousand in all', async () => {
  const { clock, asked, noting, end } = await running(() => [])
  for (let index = 0; index < 1200; index += 1) noting.of(idIn(index < 150 ? 'one' : 'two', `vm-${index}`))
  await clock.advance(5)
  expect(asked.map(({ length }) => length)).toEqual([100, 50, 100, 100, 100, 100, 100, 100, 100, 100, 50])
  expect(noting.of(idIn('two', 'vm-1199'))).toBeUndefined()
  await end()
})

test('a Resource Graph that does not answer leaves it at what is known: nobody waits for it', async () => {
  const { clock, noting, end } = await running(() => {
    throw new AzureError('TooManyRequests', 'Not now.', { status: 429 })
  })
  expect(noting.of(idIn('one'))).toBe('Pending')
  await clock.advance(5)
  expect(noting.of(idIn('one'))).toBeUndefined()
  await end()
})
