// What this process has asked of Azure for one machine that goes on after the reply and is no operation of a VM's own:
// address, interface, group, disks, snapshots, and the tags of all. A resource says of itself that it has failed, and not
// why; that is told by the operation, which is asked once, and only then. It is a hint: lost with the process, what has
// failed is asked for anew, and tells again. A snapshot's copy goes on when its operation has ended well; it tells itself.
//
// It also knows since when Azure has been at work on a resource, from the call or from its first sight.

import type { Clock } from '../../lib/process/clock.ts'
import { OPERATION_FAILED } from '../azure/errors.ts'
import { UID_TAG } from '../azure/names.ts'
import type { Accepted, Azure, OperationState, Place, PowerState, ProvisioningState } from '../azure/provider.ts'
import type { LateFailure, Step } from './decision.ts'

/** What is looked at; a snapshot and a VM say more of why they failed. */
export interface Standing {
  ownerUid?: string | undefined
  provisioningState: ProvisioningState
  powerState?: PowerState
  failure?: { code: string; message: string } | undefined
}

interface Request {
  /** `undefined` of what somebody else began, or we did in another process. */
  step: Step['do'] | undefined
  subscriptionId: string
  poller: string | undefined
  since: Date
  /** Whose it is to be tagged. */
  ownerUid?: string | undefined
  failure?: LateFailure
}

export interface Requests {
  /** Azure; what it accepts is remembered. A pass begins with it. */
  through(azure: Azure, clock: Pick<Clock, 'now'>): Azure
  /**
   * The resource as it is to be taken, once it is known what became of the last request for it. `failing` is the step that
   * has failed where the resource tells so by itself, whatever became of the request.
   */
  settled<Seen extends Standing>(
    resource: { name: string; seen: Seen | undefined; failing?: Step['do'] },
    asked: { azure: Pick<Azure, 'operation'>; clock: Pick<Clock, 'now'>; signal: AbortSignal },
  ): Promise<Seen | undefined>
  /** Of what this pass has looked at: the latest that has failed late and was not asked for again. */
  readonly failure: LateFailure | undefined
  /** Of what this pass has looked at: since when Azure has been at work on what it has been at for longest. */
  readonly underWaySince: Date | undefined
}

const moving: PowerState[] = ['Starting', 'Stopping', 'Deallocating']

export function requests(): Requests {
  /** By the resource's name. */
  const known = new Map<string, Request>()
  /** What this pass has found so. */
  let failed: LateFailure[] = []
  let underWay: Date[] = []

  return {
    through(azure, clock) {
      failed = []
      underWay = []
      const put =
        <Asked extends { name: string }>(
          step: Step['do'],
          call: (place: Place, request: Asked, signal: AbortSignal) => Promise<Accepted>,
        ) =>
        async (place: Place, request: Asked, signal: AbortSignal) =>
          remember(step, { place, name: request.name }, await call(place, request, signal))
      const remove =
        (call: (place: Place, name: string, signal: AbortSignal) => Promise<Accepted>) =>
        async (place: Place, name: string, signal: AbortSignal) =>
          remember('DeleteResources', { place, name }, await call(place, name, signal))

      function remember(
        step: Step['do'],
        { place, name, ownerUid }: { place: Place; name: string; ownerUid?: string | undefined },
        accepted: Accepted,
      ): Accepted {
        const { subscriptionId } = place
        known.set(name, { step, subscriptionId, poller: accepted?.poller, since: clock.now(), ownerUid })
        return accepted
      }
      return {
        ...azure,
        putPublicIPAddress: put('PutPublicIPAddress', azure.putPublicIPAddress),
        putNetworkInterface: put('PutNetworkInterface', azure.putNetworkInterface),
        putNetworkSecurityGroup: put('PutNetworkSecurityGroup', azure.putNetworkSecurityGroup),
        putSnapshot: (place, request, signal) =>
          put('diskId' in request ? 'TakeSnapshot' : 'CopySnapshot', azure.putSnapshot)(place, request, signal),
        putDisk: put('PutOsDisk', azure.putDisk),
        deleteNetworkInterface: remove(azure.deleteNetworkInterface),
        deletePublicIPAddress: remove(azure.deletePublicIPAddress),
        deleteNetworkSecurityGroup: remove(azure.deleteNetworkSecurityGroup),
        deleteDisk: remove(azure.deleteDisk),
        deleteSnapshot: remove(azure.deleteSnapshot),
        retag: async (place, { kind, name }, tags, signal) =>
          remember(
            'Retag',
            { place, name, ownerUid: tags[UID_TAG] },
            await azure.retag(place, { kind, name }, tags, signal),
          ),
      }
    },

    async settled({ name, seen, failing }, { azure, clock, signal }) {
      const request = known.get(name)
      if (seen === undefined) {
        known.delete(name)
        return undefined
      }
      if (isUnderWay(seen)) {
        underWay.push(request?.since ?? clock.now())
        if (request === undefined)
          known.set(name, { step: undefined, subscriptionId: '', poller: undefined, since: clock.now() })
        return seen
      }
      const step = request?.step ?? (seen.failure && failing)
      if (step === undefined || !hasFailed(seen, { step, ownerUid: request?.ownerUid })) {
        known.delete(name)
        return seen
      }
      if (request?.failure) {
        failed.push(request.failure)
        return seen
      }
      const { subscriptionId = '', poller, since = clock.now(), ownerUid } = request ?? {}
      const state: OperationState =
        poller === undefined ? { is: 'Forgotten' } : await azure.operation(subscriptionId, poller, signal)
      if (state.is === 'Running') {
        underWay.push(since)
        return { ...seen, provisioningState: step === 'DeleteResources' ? 'Deleting' : 'Updating' }
      }
      // The look at the resource was older.
      if (state.is === 'Succeeded' && step === 'DeleteResources') {
        known.delete(name)
        return { ...seen, provisioningState: 'Deleting' }
      }
      // So may this look have been: the next one is believed.
      if (state.is === 'Succeeded' && (step === 'Retag' || seen.provisioningState === 'Failed')) {
        known.set(name, { step, subscriptionId, poller: undefined, since, ownerUid })
        return { ...seen, provisioningState: 'Updating' }
      }
      const { code, message } = state.is === 'Failed' ? state : (seen.failure ?? unexplained(step))
      // Looks take time, where Azure's limits are waited for: it is heard now, and not when the pass began.
      const failure = { step, code, message, at: clock.now() }
      known.set(name, { step, subscriptionId, poller, since, ownerUid, failure })
      failed.push(failure)
      return seen
    },

    get failure() {
      return failed.toSorted((one, two) => two.at.getTime() - one.at.getTime())[0]
    },
    get underWaySince() {
      return underWay.toSorted((one, two) => one.getTime() - two.getTime())[0]
    },
  }
}

/** One that was to go, or to bear other tags, and stands as it was has failed to, whatever it says of itself. */
function hasFailed(seen: Standing, { step, ownerUid }: Pick<Request, 'ownerUid'> & { step: Step['do'] }): boolean {
  if (step === 'DeleteResources') return true
  if (step === 'Retag') return seen.ownerUid !== ownerUid
  return seen.provisioningState === 'Failed' || seen.failure !== undefined
}

function unexplained(step: Step['do']): { code: string; message: string } {
  const message =
    step === 'Retag'
      ? 'Azure took the new tags, and does not show them.'
      : 'Azure says that it has failed, and does not say why.'
  return { code: OPERATION_FAILED, message }
}

function isUnderWay({ provisioningState, powerState }: Standing): boolean {
  const isAtWork = ['Creating', 'Updating', 'Deleting'].includes(provisioningState)
  return isAtWork || (powerState !== undefined && moving.includes(powerState))
}
