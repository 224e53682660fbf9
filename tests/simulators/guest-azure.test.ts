// The guest and the Azure simulator together: what ARM says runs, answers on the address that ARM gives, and an
// eviction takes it away and keeps its identity.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import {
  type AzureSimulator,
  group,
  networkFor,
  quick,
  regularOnDisk,
  spotMachine,
  startAzure,
} from './azure-simulator.ts'
import { startSimulator } from './program.ts'

const ready = z.object({ listening: z.string() })

let azure: AzureSimulator
let guests: Awaited<ReturnType<typeof startSimulator<typeof ready>>>
beforeAll(async () => {
  azure = await startAzure('--speed=400', '--preempt-notice-seconds=200')
  const { listening, ca } = azure.about
  guests = await startSimulator('guest', ready, ['--azure', listening, '--azure-ca', ca, '--speed', '400'])
})
afterAll(async () => {
  await guests?.stop()
  await azure?.stop()
})

const machineShape = z.looseObject({
  state: z.string(),
  preemptAt: z.string().nullable(),
  uniqueid: z.string().nullable(),
})
async function machine() {
  const response = await fetch(`${guests.listening}/simulator/machines`)
  return z.object({ machines: z.array(machineShape) }).parse(await response.json()).machines[0]
}
const stateOfMachine = async () => (await machine())?.state ?? 'gone'

test('what ARM runs answers; an eviction is noticed inside, stops it at once, and the disk keeps its identity', async () => {
  const { disks, virtualMachines } = azure.compute
  const { nicId, host } = await networkFor(azure, 'evening')
  await virtualMachines.createOrUpdate(group, 'vm-1', spotMachine('evening', nicId), quick)
  await expect.poll(stateOfMachine).toBe('answering')
  const first = (await machine())?.uniqueid
  const answer = await (await fetch(`http://${host}:47989/serverinfo`)).text()
  expect(answer).toContain('<hostname>play</hostname>')
  expect(answer).toContain(`<uniqueid>${first}</uniqueid>`)

  await azure.control('POST', 'evict', { vm: 'vm-1' })
  await expect.poll(async () => (await machine())?.preemptAt, { interval: 10 }).toMatch(/^20/)
  await expect.poll(stateOfMachine).toBe('gone')
  await expect(fetch(`http://${host}:47989/serverinfo`)).rejects.toThrow()

  await virtualMachines.delete(group, 'vm-1', quick)
  const { id = '' } = await disks.get(group, 'evening-os')
  await virtualMachines.createOrUpdate(group, 'vm-2', regularOnDisk(id, nicId), quick)
  await expect.poll(stateOfMachine).toBe('answering')
  expect((await machine())?.uniqueid).toBe(first)
})
