// A machine's properties as Azure keeps them: without secrets, with what it fills in, and merged when they change.
import type { MachineProperties } from './shapes.ts'

/** Passwords and custom data are never given back. */
export function withoutSecrets(properties: MachineProperties): MachineProperties {
  if (properties.osProfile === undefined) return properties
  const { adminPassword: _password, customData: _data, ...osProfile } = properties.osProfile
  return {
    ...properties,
    osProfile: { secrets: [], allowExtensionOperations: true, requireGuestProvisionSignal: true, ...osProfile },
  }
}

type StorageProfile = NonNullable<MachineProperties['storageProfile']>

export function completed(
  properties: MachineProperties,
  disks: Pick<StorageProfile, 'osDisk' | 'dataDisks'>,
): MachineProperties {
  const interfaces = properties.networkProfile?.networkInterfaces ?? []
  return {
    ...properties,
    // Said so since api-version 2025-11-01, where a request leaves it out.
    securityProfile: { securityType: 'Standard', ...properties.securityProfile },
    storageProfile: { diskControllerType: 'SCSI', ...properties.storageProfile, ...disks },
    networkProfile: {
      ...properties.networkProfile,
      networkInterfaces: interfaces.map(one => ({ ...one, properties: { deleteOption: 'Detach', ...one.properties } })),
    },
  }
}

/** Objects are merged, everything else is replaced. */
export function merged(before: MachineProperties, next: MachineProperties): MachineProperties {
  const storageProfile = { ...before.storageProfile, ...next.storageProfile }
  const beforeDisk = before.storageProfile?.osDisk
  const nextDisk = next.storageProfile?.osDisk
  const osDisk =
    beforeDisk === undefined
      ? nextDisk
      : { ...beforeDisk, ...nextDisk, managedDisk: { ...beforeDisk.managedDisk, ...nextDisk?.managedDisk } }
  return {
    ...before,
    ...next,
    hardwareProfile: { ...before.hardwareProfile, ...next.hardwareProfile },
    storageProfile: { ...storageProfile, osDisk },
    networkProfile: { ...before.networkProfile, ...next.networkProfile },
    ...(before.osProfile === undefined ? {} : { osProfile: { ...before.osProfile, ...next.osProfile } }),
    ...(before.securityProfile === undefined && next.securityProfile === undefined
      ? {}
      : { securityProfile: { ...before.securityProfile, ...next.securityProfile } }),
  }
}
