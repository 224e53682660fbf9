// Azure with its time moved by hand, and how it is asked: every request as it is, every second as it is told.
import { afterEach, expect } from 'vitest'
import { z } from 'zod'
import { type AzureSimulator, group, image, region, startAzure } from './azure-simulator.ts'

/** Starts simulators for the tests of the file that calls this; each is stopped with its test, and may have nothing to complain of. */
export function azuresByHand(): (...args: readonly string[]) => Promise<AzureSimulator> {
  const running: AzureSimulator[] = []
  afterEach(async () => {
    for (const azure of running.splice(0)) {
      expect(azure.complaints()).toBe('')
      await azure.stop()
    }
  })
  return async (...args) => {
    const azure = await startAzure('--clock=manual', '--jitter=0', ...args)
    running.push(azure)
    return azure
  }
}

export const base = `/subscriptions/{subscription}/resourceGroups/${group}/providers`
export const vm = (name: string) => `${base}/Microsoft.Compute/virtualMachines/${name}`
export const disk = (name: string) => `${base}/Microsoft.Compute/disks/${name}`
export const snapshot = (name: string) => `${base}/Microsoft.Compute/snapshots/${name}`
export const nic = (name: string) => `${base}/Microsoft.Network/networkInterfaces/${name}`
export const address = (name: string) => `${base}/Microsoft.Network/publicIPAddresses/${name}`

/** By hand: every request as it is, every second as it is told. */
export function by(azure: AzureSimulator) {
  const version = (path: string) => {
    if (path.includes('/Microsoft.Network/')) return '2026-01-01'
    return /\/(disks|snapshots)\//.test(path) ? '2026-03-02' : '2026-04-01'
  }
  const call = (method: string, path: string, body?: unknown) => {
    const query = path.includes('?') ? '' : `?api-version=${version(path)}`
    return azure.arm(method, path + query, body === undefined ? {} : { body })
  }
  return {
    call,
    pass: (seconds: number) => azure.control('POST', 'time', { advanceSeconds: seconds }),
    async network(name: string) {
      const real = (path: string) => path.replace('{subscription}', azure.about.subscription)
      await call('PUT', address(name), {
        location: region,
        sku: { name: 'Standard' },
        properties: { publicIPAllocationMethod: 'Static' },
      })
      await azure.control('POST', 'time', { advanceSeconds: 3 })
      const subnet = { id: real(`${base}/Microsoft.Network/virtualNetworks/play/subnets/vms`) }
      const properties = { subnet, publicIPAddress: { id: real(address(name)) } }
      await call('PUT', nic(name), {
        location: region,
        properties: { ipConfigurations: [{ name: 'main', properties }] },
      })
      await azure.control('POST', 'time', { advanceSeconds: 3 })
    },
    put: (name: string, nicName: string) =>
      call('PUT', vm(name), {
        location: region,
        properties: {
          priority: 'Spot',
          evictionPolicy: 'Deallocate',
          hardwareProfile: { vmSize: 'Standard_NV6ads_A10_v5' },
          storageProfile: { imageReference: { id: image }, osDisk: { name: `${name}-os`, createOption: 'FromImage' } },
          osProfile: { computerName: 'play', adminUsername: 'wasd', adminPassword: 'Correct-Horse-7' },
          networkProfile: {
            networkInterfaces: [{ id: nic(nicName).replace('{subscription}', azure.about.subscription) }],
          },
        },
      }),
    async states(name: string) {
      const shape = z.object({ statuses: z.array(z.object({ code: z.string() })) })
      return shape.parse((await call('GET', `${vm(name)}/instanceView`)).body).statuses.map(status => status.code)
    },
    async events() {
      const shape = z.object({ events: z.array(z.object({ state: z.string(), reason: z.string(), time: z.string() })) })
      return shape.parse(await azure.control('GET', 'guests?since=0')).events
    },
  }
}

/** The path of the operation that an answer started. */
export function operationOf(azure: AzureSimulator, answer: { headers: NodeJS.Dict<string | string[]> }): string {
  return String(answer.headers['azure-asyncoperation']).replace(azure.about.listening, '')
}
