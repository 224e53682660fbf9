// Mistakes put into the operator on purpose: each has to be found by what looks at a scenario. Beside each, what finds it.
// Each is found however slow the machine is: its life goes on when it has come to what is awaited, and it is found by what
// was asked, decided, written or stands for good, never by what is to be seen for a moment.
import { setTimeout as delay } from 'node:timers/promises'
import type { KubeClient } from '../../lib/kube/client.ts'
import { createClients } from '../../operator/azure/clients.ts'
import type { Azure } from '../../operator/azure/provider.ts'
import type { Plant } from '../operator/support/operator.ts'
import type { Last, MachineAction, SessionAction } from './scenario.ts'

export interface Planted {
  plant: Plant
  last?: Last
  /** The life in which it shows. */
  life: { of: 'Machine'; actions: readonly MachineAction[] } | { of: 'Session'; actions: readonly SessionAction[] }
  /** What is waited for in vain. */
  neverComes?: string
  foundBy: RegExp
}

const resting = { of: 'Machine', actions: [{ do: 'AwaitRest' }] } as const
const evicted = { of: 'Machine', actions: [{ do: 'AwaitRest' }, { do: 'Evict' }] } as const
const playedOut = { of: 'Session', actions: [{ do: 'AwaitEnd' }] } as const

export const plants = {
  /** The interface is believed to be deleted. */
  LeakedInterface: {
    plant: { azure: azure => ({ ...azure, deleteNetworkInterface: async () => undefined }) },
    life: resting,
    neverComes: 'it is gone',
    foundBy: /Not within \d+ s: it is gone/,
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
    life: resting,
    foundBy: /I1: .* was asked for twice/,
  },
  /** The deletion of the machine that came before comes late, and takes its successor for it. */
  LateDelete: {
    plant: { azure: deletedLate() },
    life: evicted,
    foundBy: /deleted although nobody decided so/,
  },
  /** An evicted machine is deleted as soon as that is seen, with its own number still on record. */
  EarlyDelete: {
    plant: {
      azure: azure => ({
        ...azure,
        async virtualMachine(place, name, signal) {
          const seen = await azure.virtualMachine(place, name, signal)
          // Seen to go down already it is answered with the next number, so that this is the moment.
          const isEvicted = seen?.powerState === 'Deallocating' || seen?.powerState === 'Deallocated'
          if (isEvicted) await azure.deleteVirtualMachine(place, name, signal).catch(() => undefined)
          return seen
        },
      }),
    },
    life: evicted,
    foundBy: /deleted although nobody decided so|a machine was lost although nobody took it/,
  },
  /** The rescue gives address and interface back, and makes others under their names. */
  NewAddress: { plant: { azure: addressMadeAnew() }, life: evicted, foundBy: /I6: the address is another/ },
  /**
   * What would resume a long-running operation is not kept; and the list, by which one can do without, shows nothing: it
   * may show the end before the operation is asked for.
   */
  LostToken: {
    plant: {
      azure: azure => ({
        ...azure,
        createVirtualMachine: async (...given) => ({ ...(await azure.createVirtualMachine(...given)), poller: 'lost' }),
        fleet: async () => [],
      }),
    },
    life: resting,
    foundBy: /what resumes an operation was lost/,
  },
  /** A pause is believed to have begun that Azure never heard of. */
  LostPause: {
    plant: { azure: azure => ({ ...azure, deallocateVirtualMachine: async () => ({ poller: 'lost' }) }) },
    last: 'Deallocated',
    life: resting,
    neverComes: 'it is at rest',
    foundBy: /Not within \d+ s: it is at rest/,
  },
  /** What an interval adds to the bill is added once more. */
  BilledTwice: { plant: { kube: billedTwice }, life: playedOut, foundBy: /I3: \d+ s are billed|I4: an interval of/ },
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
    life: resting,
    foundBy: /I7: at rest.*virtualMachine/s,
  },
  /** What was first seen of an object is believed for ever. */
  StaleCache: {
    plant: { isCacheStale: true },
    life: resting,
    neverComes: 'it rests',
    foundBy: /Not within \d+ s: it rests/,
  },
} satisfies Record<string, Planted>

const isFirst = ({ name }: { name: string }) => name.endsWith('-vm-1')

/** Each successor once, or it would never stand. */
function deletedLate(): (azure: Azure) => Azure {
  const taken = new Set<string>()
  return azure => ({
    ...azure,
    async createVirtualMachine(place, request, signal) {
      const accepted = await azure.createVirtualMachine(place, request, signal)
      if (isFirst(request) || taken.has(request.name)) return accepted
      taken.add(request.name)
      // Whatever Azure makes of it: the attempt is what is looked for.
      await azure.deleteVirtualMachine(place, request.name, signal).catch(() => undefined)
      return accepted
    },
  })
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
      if (ip && nic && !isFirst(request)) {
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
