// What Azure holds of objects that are no more: of a cluster that was lost and restored from a backup, where each object
// comes back under a new UID, or of an object that was taken out of the cluster under our hands. An object that has not
// begun yet finds here what it had, by the tags of its namespace and name, if its player is the same.
//
// A subscription is listed once, when the first new object is seen there; what is lost later is known from its last
// sight. One that does not answer keeps nobody waiting whose region is another's.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { decideOn } from '../azure/decisions.ts'
import { AzureError } from '../azure/errors.ts'
import { KEEP_TAG, NAME_TAG, NAMESPACE_TAG, PLAYER_TAG, UID_TAG, uidIn } from '../azure/names.ts'
import type { Azure, Place, TaggedResource } from '../azure/provider.ts'
import { PLAYER_LABEL } from './decision.ts'

/** What the resources' names and tags tell; whether they still stand is for a live look to say. */
export interface Holding {
  /** Of the object that was; the resources' names derive from it. */
  uid: string
  place: Place
  /** The highest of the VMs' names; 0 where there is none. */
  incarnation: number
}

export interface Holdings {
  /** Throws `AzureError` when Azure cannot be asked now. `undefined` when nothing was ever held there under this name. */
  of(machine: Heir, signal: AbortSignal): Promise<Holding | undefined>
  /** To be told of each object that goes from the cluster, as it was last seen. */
  gone(machine: GpuVm): void
}

export interface Heir {
  namespace: string
  name: string
  /** `undefined` when it is still to be made. */
  uid: string | undefined
  player: string | undefined
  region: string
  /** Where the catalogue has the region. */
  subscriptionId: string
}

interface Entry extends Holding {
  player: string | undefined
}

export function holdings(options: { azure: Pick<Azure, 'tagged'>; installationId: string }): Holdings {
  const { azure, installationId } = options
  /** By `namespace/name`, then by UID. */
  const known = new Map<string, Map<string, Entry>>()
  const listed = new Map<string, Promise<void>>()

  function entries(key: string): Map<string, Entry> {
    const found = known.get(key) ?? new Map<string, Entry>()
    known.set(key, found)
    return found
  }

  function add(subscriptionId: string, { kind, name, tags, resourceGroup, region }: TaggedResource): void {
    const uid = tags[UID_TAG]
    // A snapshot stands where its disk is to be copied from; a disk that is kept may be all that its object has left.
    if (uid === undefined || kind === 'snapshot' || (kind === 'disk' && tags[KEEP_TAG] !== undefined)) return
    // The names derive from the first object of all, the tags name the last one that held it.
    const root = uidIn(name) ?? uid
    const of = entries(`${tags[NAMESPACE_TAG]}/${tags[NAME_TAG]}`)
    const number = Number(/-vm-(\d+)$/.exec(name)?.[1] ?? 0)
    const incarnation = Math.max(number, of.get(uid)?.incarnation ?? 0)
    of.set(uid, { uid: root, player: tags[PLAYER_TAG], incarnation, place: { subscriptionId, resourceGroup, region } })
  }

  async function list(subscriptionId: string, signal: AbortSignal): Promise<void> {
    try {
      for (const resource of await azure.tagged(subscriptionId, { installationId }, signal))
        add(subscriptionId, resource)
    } catch (error) {
      listed.delete(subscriptionId)
      // What a person has to mend first is told of the object's own calls, where it names a field.
      if (!(error instanceof AzureError) || decideOn(error).do !== 'Stall') throw error
    }
  }

  return {
    async of({ namespace, name, uid, player, region, subscriptionId }, signal) {
      const listing = listed.get(subscriptionId) ?? list(subscriptionId, signal)
      listed.set(subscriptionId, listing)
      await listing
      const others = [...entries(`${namespace}/${name}`)].filter(([owner]) => owner !== uid).map(([, entry]) => entry)
      return others
        .filter(entry => entry.player === player && entry.place.region === region)
        .toSorted((one, two) => two.incarnation - one.incarnation)[0]
    },
    gone({ metadata, spec, status }) {
      const { uid, namespace, name, labels, deletionTimestamp } = metadata
      if (uid === undefined) return
      const of = entries(`${namespace}/${name}`)
      of.delete(uid)
      // Deleted as one should be, it has given back what it held.
      if (deletionTimestamp !== undefined) return
      const { virtualMachine, networkInterface, publicIPAddress, osDisk } = status?.resources ?? {}
      const id = virtualMachine ?? networkInterface ?? publicIPAddress ?? osDisk ?? ''
      const [, subscriptionId, resourceGroup] = /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\//i.exec(id) ?? []
      if (subscriptionId === undefined || resourceGroup === undefined) return
      of.set(uid, {
        uid: status?.adoptedFrom ?? uid,
        player: labels?.[PLAYER_LABEL],
        incarnation: status?.incarnation?.number ?? 0,
        place: { subscriptionId, resourceGroup, region: spec.region },
      })
    },
  }
}
