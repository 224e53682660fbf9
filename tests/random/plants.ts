// Mistakes put into the operator on purpose: each has to be found by what looks at a scenario. Beside each, what finds it.
import { setTimeout as delay } from 'node:timers/promises'
import { createClients } from '../../operator/azure/clients.ts'
import type { Azure, Place } from '../../operator/azure/provider.ts'
import type { Plant } from '../operator/support/operator.ts'
import type { Last } from './scenario.ts'

type PlantName = 'LeakedInterface' | 'SecondPut' | 'LateDelete' | 'LostToken' | 'LostPause' | 'StaleCache'

export const plants: Record<PlantName, { plant: Plant; last?: Last; foundBy: RegExp }> = {
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
  /** What was first seen of an object is believed for ever. */
  StaleCache: { plant: { isCacheStale: true }, foundBy: /Still pending/ },
}

async function deleteOnceMade(azure: Azure, place: Place, name: string): Promise<void> {
  const signal = AbortSignal.timeout(10_000)
  const seen = async () => await azure.virtualMachine(place, name, signal).catch(() => undefined)
  while (!signal.aborted && (await seen()) === undefined) await delay(20)
  await azure.deleteVirtualMachine(place, name, signal).catch(() => undefined)
}
