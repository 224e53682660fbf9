// The one implementation of `Azure`: the vendor's SDKs, one line a call.
import { listAnnotations } from './annotations.ts'
import type { AzureSettings, ClientsOf, SubscriptionClients } from './clients.ts'
import { createClients } from './clients.ts'
import { diskBody, diskSeen, snapshotBody, snapshotSeen, sourceDiskSeen } from './disks.ts'
import { AzureError, toAzureError } from './errors.ts'
import { listFleet, listTagged } from './lists.ts'
import {
  networkInterfaceBody,
  networkInterfaceSeen,
  networkSecurityGroupBody,
  networkSecurityGroupSeen,
  publicIPAddressBody,
  publicIPAddressSeen,
} from './network.ts'
import { accepted, lookAtOperation, submitted } from './operations.ts'
import type { Azure, Place } from './provider.ts'
import { listSpotRates } from './spot-rates.ts'
import { retagged } from './tagging.ts'
import { listUsages } from './usages.ts'
import { virtualMachineBody, virtualMachineSeen } from './virtual-machines.ts'

export function createAzure(settings: AzureSettings, clientsOf: ClientsOf = createClients(settings)): Azure {
  const at = (place: Place): SubscriptionClients => clientsOf(place.subscriptionId)

  return {
    virtualMachine: (place, name, abortSignal) =>
      look(
        at(place).compute.virtualMachines.get(place.resourceGroup, name, { expand: 'instanceView', abortSignal }),
        virtualMachineSeen,
      ),
    publicIPAddress: (place, name, abortSignal) =>
      look(at(place).network.publicIPAddresses.get(place.resourceGroup, name, { abortSignal }), publicIPAddressSeen),
    networkInterface: (place, name, abortSignal) =>
      look(at(place).network.networkInterfaces.get(place.resourceGroup, name, { abortSignal }), networkInterfaceSeen),
    networkSecurityGroup: (place, name, abortSignal) =>
      look(
        at(place).network.networkSecurityGroups.get(place.resourceGroup, name, { abortSignal }),
        networkSecurityGroupSeen,
      ),
    disk: (place, name, abortSignal) =>
      look(at(place).compute.disks.get(place.resourceGroup, name, { abortSignal }), diskSeen),
    sourceDisk: (place, name, abortSignal) =>
      look(at(place).compute.disks.get(place.resourceGroup, name, { abortSignal }), sourceDiskSeen),
    snapshot: (place, name, abortSignal) =>
      look(at(place).compute.snapshots.get(place.resourceGroup, name, { abortSignal }), snapshotSeen),

    putPublicIPAddress: (place, { name, ...request }, abortSignal) => {
      const body = publicIPAddressBody(place.region, request)
      return ask(
        submitted(at(place).network.publicIPAddresses.createOrUpdate(place.resourceGroup, name, body, { abortSignal })),
      )
    },
    putNetworkInterface: (place, { name, ...request }, abortSignal) => {
      const body = networkInterfaceBody(place.region, request)
      return ask(
        submitted(at(place).network.networkInterfaces.createOrUpdate(place.resourceGroup, name, body, { abortSignal })),
      )
    },
    putNetworkSecurityGroup: (place, { name, ...request }, abortSignal) => {
      const body = networkSecurityGroupBody(place.region, request)
      return ask(
        submitted(
          at(place).network.networkSecurityGroups.createOrUpdate(place.resourceGroup, name, body, { abortSignal }),
        ),
      )
    },

    putSnapshot: (place, { name, ...request }, abortSignal) => {
      const body = snapshotBody(place.region, request)
      return ask(
        submitted(at(place).compute.snapshots.createOrUpdate(place.resourceGroup, name, body, { abortSignal })),
      )
    },
    putDisk: (place, { name, ...request }, abortSignal) => {
      const body = diskBody(place.region, request)
      return ask(submitted(at(place).compute.disks.createOrUpdate(place.resourceGroup, name, body, { abortSignal })))
    },

    createVirtualMachine: (place, request, abortSignal) => {
      const body = virtualMachineBody(place.region, request)
      const options = { ifNoneMatch: '*', abortSignal }
      return ask(
        accepted(at(place).compute.virtualMachines.createOrUpdate(place.resourceGroup, request.name, body, options)),
      )
    },
    startVirtualMachine: (place, name, abortSignal) =>
      ask(accepted(at(place).compute.virtualMachines.start(place.resourceGroup, name, { abortSignal }))),
    redeployVirtualMachine: (place, name, abortSignal) =>
      ask(accepted(at(place).compute.virtualMachines.redeploy(place.resourceGroup, name, { abortSignal }))),
    deallocateVirtualMachine: (place, name, abortSignal) =>
      ask(accepted(at(place).compute.virtualMachines.deallocate(place.resourceGroup, name, { abortSignal }))),
    deleteVirtualMachine: (place, name, abortSignal) =>
      ask(accepted(at(place).compute.virtualMachines.delete(place.resourceGroup, name, { abortSignal }))),

    deleteNetworkInterface: (place, name, abortSignal) =>
      ask(submitted(at(place).network.networkInterfaces.delete(place.resourceGroup, name, { abortSignal }))),
    deletePublicIPAddress: (place, name, abortSignal) =>
      ask(submitted(at(place).network.publicIPAddresses.delete(place.resourceGroup, name, { abortSignal }))),
    deleteNetworkSecurityGroup: (place, name, abortSignal) =>
      ask(submitted(at(place).network.networkSecurityGroups.delete(place.resourceGroup, name, { abortSignal }))),
    deleteDisk: (place, name, abortSignal) =>
      ask(submitted(at(place).compute.disks.delete(place.resourceGroup, name, { abortSignal }))),
    deleteSnapshot: (place, name, abortSignal) =>
      ask(submitted(at(place).compute.snapshots.delete(place.resourceGroup, name, { abortSignal }))),

    retag: (place, resource, tags, signal) => ask(retagged(at(place), { ...resource, place, tags, signal })),

    operation: (subscriptionId, poller, signal) =>
      ask(lookAtOperation(clientsOf(subscriptionId), { poller, endpoint: settings.resourceManagerEndpoint, signal })),
    fleet: (subscriptionId, signal) => ask(listFleet(clientsOf(subscriptionId), signal)),
    tagged: (subscriptionId, asked, signal) => ask(listTagged(clientsOf(subscriptionId), asked, signal)),
    spotRates: (asked, signal) => ask(listSpotRates(clientsOf(asked.subscriptionId), asked, signal)),
    annotations: (asked, signal) => ask(listAnnotations(clientsOf(asked.subscriptionId), asked, signal)),
    usages: (subscriptionId, region, signal) => ask(listUsages(clientsOf(subscriptionId), region, signal)),
  }
}

async function ask<Reply>(call: Promise<Reply>): Promise<Reply> {
  try {
    return await call
  } catch (thrown) {
    throw toAzureError(thrown)
  }
}

/** A resource that is absent is `undefined`; a resource group or subscription that is absent is an error. */
async function look<Reply, Seen>(call: Promise<Reply>, seen: (reply: Reply) => Seen): Promise<Seen | undefined> {
  try {
    return seen(await call)
  } catch (thrown) {
    const error = toAzureError(thrown)
    if (error instanceof AzureError && error.status === 404 && /^(ResourceNotFound|NotFound|Http404)$/.test(error.code))
      return undefined
    throw error
  }
}
