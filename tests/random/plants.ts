// Mistakes put into the operator on purpose: each has to be found by what looks at a scenario. Beside each, what finds it.
import { setTimeout as delay } from 'node:timers/promises'
import type { KubeClient } from '../../lib/kube/client.ts'
import { createClients } from '../../operator/azure/clients.ts'
import type { Azure, Place } from '../../operator/azure/provider.ts'
import type { Plant } from '../operator/support/operator.ts'
import type { Last } from './scenario.ts'

type PlantName =
  | 'LeakedInterface'
  | 'SecondPut'
  | 'LateDelete'
  | 'EarlyDelete'
  | 'NewAddress'
  | 'LostToken'
  | 'LostPause'
  | 'StaleCache'
  | 'BilledTwice'
  | 'Restless'

export interface Planted {
  plant: Plant
  last?: Last
  /** The life in which it shows; a machine's where it is not said. */
  life?: 'Session'
  foundBy: RegExp
}

export const plants: Record<PlantName, Planted> = {
  /** The interface is believed to be deleted. */
  LeakedInterface: {
    plant: { azure: azure => ({ ...azure, deleteNetworkInterface: async () => undefined }) },
    foundBy: /I2|it is gone/,
  },
  /** A machine is asked for again without a look, and without the condition that none of its name exists. */
  SecondPut: {
    plant: {
      azure: (azure, settings) => ({
        ...azure,
        async createVirtualMachine(place, request, signal) {
          const accepted = await azure.createVirtualMachine(place, request, signal)
          const { compute } = createClients(settings)(place.subscriptionId)
          const again = { location: place.region, tags: { ...request.tags, again: 'yes' } }
          await compute.virtualMachines
            .createOrUpdate(place.resourceGroup, request.name, again)
            .submitted()
            .catch(() => undefined) // Refused it has harmed nobody; the attempt is what is looked for.
          return accepted
        },
      }),
    },
    foundBy: /I1: .* was asked for twice/,
  },
  /** The deletion of the machine that came before comes late, and takes its successor for it. */
  LateDelete: {
    plant: {
      azure: azure => ({
        ...azure,
        async deleteVirtualMachine(place, name, signal) {
          const accepted = await azure.deleteVirtualMachine(place, name, signal)
          const [, stem = '', number] = /^(.*-vm-)(\d+)$/.exec(name) ?? []
          void deleteOnceMade(azure, place, `${stem}${Number(number) + 1}`)
          return accepted
        },
      }),
    },
    foundBy: /deleted although nobody decided so/,
  },
  /** An evicted machine is deleted as soon as that is seen, with its own number still on record. */
  EarlyDelete: {
    plant: {
      azure: azure => ({
        ...azure,
        async virtualMachine(place, name, signal) {
          const seen = await azure.virtualMachine(place, name, signal)
          if (seen?.powerState === 'Deallocated') await azure.deleteVirtualMachine(place, name, signal)
          return seen
        },
      }),
    },
    foundBy: /deleted although nobody decided so|a machine was lost although nobody took it/,
  },
  /** The rescue gives address and interface back, and makes others under their names. */
  NewAddress: { plant: { azure: addressMadeAnew() }, foundBy: /I6: the address is another/ },
  /** What would resume a long-running operation is not kept. */
  LostToken: {
    plant: {
      azure: azure => ({
        ...azure,
        createVirtualMachine: async (...given) => ({ ...(await azure.createVirtualMachine(...given)), poller: 'lost' }),
      }),
    },
    foundBy: /what resumes an operation was lost/,
  },
  /** A pause is believed to have begun that Azure never heard of. */
  LostPause: {
    plant: { azure: azure => ({ ...azure, deallocateVirtualMachine: async () => ({ poller: 'lost' }) }) },
    last: 'Deallocated',
    foundBy: /Still pending after \d+ s: it is at rest/,
  },
  /** What an interval adds to the bill is added once more. */
  BilledTwice: { plant: { kube: billedTwice }, life: 'Session', foundBy: /I3: \d+ s are billed|I4: an interval of/ },
  /** The list of the fleet is read as if each machine were another than is on record, and each is looked at for ever. */
  Restless: {
    plant: {
      azure: azure => ({
        ...azure,
        async fleet(...given) {
          const found = await azure.fleet(...given)
          return found.map(machine => ({ ...machine, powerState: 'Starting' as const }))
        },
      }),
    },
    foundBy: /I7: at rest it goes on with .*virtualMachine/,
  },
  /** What was first seen of an object is believed for ever. */
  StaleCache: { plant: { isCacheStale: true }, foundBy: /Still pending/ },
}

async function deleteOnceMade(azure: Azure, place: Place, name: string): Promise<void> {
  const signal = AbortSignal.timeout(10_000)
  const seen = async () => await azure.virtualMachine(place, name, signal).catch(() => undefined)
  while (!signal.aborted && (await seen()) === undefined) await delay(20)
  await azure.deleteVirtualMachine(place, name, signal).catch(() => undefined)
}

/** One operator may have made what the next makes anew. */
function addressMadeAnew(): (azure: Azure) => Azure {
  let address: Parameters<Azure['putPublicIPAddress']> | undefined
  let card: Parameters<Azure['putNetworkInterface']> | undefined
  return azure => ({
    ...azure,
    async putPublicIPAddress(...given) {
      address = given
      await azure.putPublicIPAddress(...given)
    },
    async putNetworkInterface(...given) {
      card = given
      await azure.putNetworkInterface(...given)
    },
    async createVirtualMachine(place, request, signal) {
      const [, ip] = address ?? []
      const [, nic] = card ?? []
      if (ip && nic && !request.name.endsWith('-vm-1')) {
        await azure.deleteNetworkInterface(place, nic.name, signal)
        while (await azure.networkInterface(place, nic.name, signal)) await delay(20)
        await azure.deletePublicIPAddress(place, ip.name, signal)
        while (await azure.publicIPAddress(place, ip.name, signal)) await delay(20)
        await azure.putPublicIPAddress(place, ip, signal)
        await azure.putNetworkInterface(place, nic, signal)
        const isMade = async () => (await azure.networkInterface(place, nic.name, signal))?.provisioningState
        while ((await isMade()) !== 'Succeeded') await delay(20)
      }
      return await azure.createVirtualMachine(place, request, signal)
    },
  })
}

function billedTwice(kube: KubeClient): KubeClient {
  let billed = 0
  /** Of a session's status alone. */
  function twice(object: object): object {
    const status = partOf(object, 'status')
    const billing = partOf(status, 'billing')
    const seconds: unknown = billing && Reflect.get(billing, 'seconds')
    if (typeof seconds !== 'number') return object
    billed = seconds + (seconds - billed)
    return { ...object, status: { ...status, billing: { ...billing, seconds: billed } } }
  }
  return new Proxy(kube, {
    get(target, method) {
      const found: unknown = Reflect.get(target, method, target)
      if (typeof found !== 'function') return found
      if (method !== 'replaceStatus') return found.bind(target)
      return (resource: unknown, object: object, ...more: unknown[]) =>
        found.apply(target, [resource, twice(object), ...more])
    },
  })
}

function partOf(object: object | undefined, key: string): object | undefined {
  const part: unknown = object && Reflect.get(object, key)
  return typeof part === 'object' && part !== null ? part : undefined
}
