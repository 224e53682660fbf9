// Names and tags of everything that we make in Azure. A name follows from the object's UID, so that a repeated step
// finds what it made; the VM's adds the incarnation, so that a late DELETE cannot hit its successor.
import type { Tags } from './provider.ts'

/** Tells two installations in one subscription apart: nothing without our value is ever touched. */
export const INSTALLATION_TAG = 'wasd-installation'
export const NAMESPACE_TAG = 'wasd-namespace'
export const NAME_TAG = 'wasd-name'
export const UID_TAG = 'wasd-uid'
export const PLAYER_TAG = 'wasd-player'
/**
 * Put on a disk by a person, whatever its value: it is its player's and outlives its machine, whose deletion leaves it.
 * No disk and no snapshot that bears it is swept.
 */
export const KEEP_TAG = 'wasd-keep'

export const publicIPAddressName = (uid: string) => `gvm-${uid}-ip`
export const networkInterfaceName = (uid: string) => `gvm-${uid}-nic`
export const networkSecurityGroupName = (uid: string) => `gvm-${uid}-nsg`
export const osDiskName = (uid: string) => `gvm-${uid}-os`
export const dataDiskName = (uid: string, disk: string) => `gvm-${uid}-data-${disk}`
/** Of the disk that the OS disk is to be a copy of; beside that one. */
export const takenSnapshotName = (uid: string) => `gvm-${uid}-os-taken`
/** Its copy, in the region of the machine itself. */
export const copiedSnapshotName = (uid: string) => `gvm-${uid}-os-copied`
export const virtualMachineName = (uid: string, incarnation: number) => `gvm-${uid}-vm-${incarnation}`

/** The UID from which the name derives of the resource that is named, or that the URL leads to. */
export function uidIn(nameOrUrl: string): string | undefined {
  return /(?:^|\/)gvm-([0-9a-f-]{36})-/i.exec(nameOrUrl)?.[1]?.toLowerCase()
}

export function tagsOf(owner: {
  installationId: string
  namespace: string
  name: string
  uid: string
  player: string | undefined
}): Tags {
  return {
    [INSTALLATION_TAG]: owner.installationId,
    [NAMESPACE_TAG]: owner.namespace,
    [NAME_TAG]: owner.name,
    [UID_TAG]: owner.uid,
    ...(owner.player !== undefined && { [PLAYER_TAG]: owner.player }),
  }
}
