// Takes what a guest agent reports into the status of its machine: transitions only, so that a fleet that plays quietly
// writes nothing. What is not reported is unknown, and never made up here.
import type { GuestReport, GuestReportReply } from '../../crds/guest.ts'
import { GUEST_TOKEN_SECRET_KEY } from '../../crds/guest.ts'
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { secrets } from '../../lib/kube/core.ts'
import { isKubeError } from '../../lib/kube/errors.ts'

/** Seconds between two changes that are written. What Azure is going to do to the machine waits for nothing. */
export const DEBOUNCE_SECONDS = 10
/** Seconds between reports: presence is to be known well within a session's grace. */
const REPORT_SECONDS = 15

export interface Machine {
  namespace: string
  name: string
  uid: string
}

export interface GuestOutside {
  kube: KubeClient
}

interface Order {
  machine: Machine
  report: GuestReport
  tokenExpiresAt: Date
  now: Date
  signal: AbortSignal
}

/** How often the operator may write between a look and a report before the agent is asked to come again. */
const ATTEMPTS = 3

/**
 * `MachineOver`: no machine of this UID, or the VM that reports is not the one that is meant now. Written upon the version
 * that was judged: the incarnation may be raised at any moment.
 */
export async function takeReport(outside: GuestOutside, order: Order): Promise<GuestReportReply | 'MachineOver'> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await takeOnce(outside, order)
    } catch (error) {
      if (!isKubeError(error, 'Conflict') || attempt === ATTEMPTS) throw error
    }
  }
}

async function takeOnce({ kube }: GuestOutside, order: Order): Promise<GuestReportReply | 'MachineOver'> {
  const { machine, report, now, signal } = order
  const { namespace, name, uid } = machine
  const live = await kube.get(gpuVms, { namespace, name }, { signal })
  if (live?.metadata.uid !== uid || live.status?.incarnation?.number !== report.incarnation) return 'MachineOver'

  const outcome = outcomeOf({ guest: live.status.guest, report, now })
  if (outcome === 'Written') {
    const { idleSince = null, preemptAt = null, maintenance = null, incarnation, connected } = report
    // A field that is not reported any more is taken away.
    const guest = { incarnation, connected, idleSince, preemptAt, maintenance, reportedAt: now.toISOString() }
    const patch = { metadata: { uid, resourceVersion: live.metadata.resourceVersion }, status: { guest } }
    try {
      await kube.mergePatch(gpuVms, { namespace, name }, patch, { subresource: 'status', signal })
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return 'MachineOver'
      throw error
    }
  }
  const token = await newerToken(kube, { live, ...order })
  return { outcome, reportAgainSeconds: REPORT_SECONDS, ...(token === undefined ? {} : { token }) }
}

type Guest = NonNullable<NonNullable<GpuVm['status']>['guest']>

/** Whether the report says something new, and whether it is time to write it down. Pure. */
export function outcomeOf(given: {
  guest: Guest | undefined
  report: GuestReport
  now: Date
}): GuestReportReply['outcome'] {
  const { guest, report, now } = given
  if (!guest || guest.incarnation !== report.incarnation) return 'Written'
  if (isOther(guest.preemptAt, report.preemptAt)) return 'Written'
  if (guest.maintenance?.event !== report.maintenance?.event) return 'Written'
  if (isOther(guest.maintenance?.notBefore, report.maintenance?.notBefore)) return 'Written'
  const isSame = guest.connected === report.connected && !isOther(guest.idleSince, report.idleSince)
  if (isSame) return 'Unchanged'
  const sinceSeconds = (now.getTime() - Date.parse(guest.reportedAt ?? '')) / 1000
  return sinceSeconds < DEBOUNCE_SECONDS ? 'Debounced' : 'Written'
}

/** The server writes times in its own way: compared as times, to the second. */
function isOther(left: string | undefined, right: string | undefined): boolean {
  const second = (text: string | undefined) => (text === undefined ? undefined : Math.floor(Date.parse(text) / 1000))
  return second(left) !== second(right)
}

/** The token in the bootstrap Secret, where it lives longer than the one presented. */
async function newerToken(
  kube: KubeClient,
  order: { live: GpuVm; machine: Machine; tokenExpiresAt: Date; signal: AbortSignal },
): Promise<string | undefined> {
  const { live, machine, tokenExpiresAt, signal } = order
  const { namespace, name } = machine
  const secret = await kube.get(secrets, { namespace, name: live.spec.bootstrapSecretName ?? name }, { signal })
  const token = Buffer.from(secret?.data?.[GUEST_TOKEN_SECRET_KEY] ?? '', 'base64').toString('utf8')
  const expiry = expiryOf(token)
  return expiry !== undefined && expiry > tokenExpiresAt.getTime() / 1000 ? token : undefined
}

/** Read, not verified: whoever gets it brings it back to be verified. */
function expiryOf(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
    if (typeof claims !== 'object' || claims === null || !('exp' in claims)) return undefined
    return typeof claims.exp === 'number' ? claims.exp : undefined
  } catch {
    return undefined
  }
}
