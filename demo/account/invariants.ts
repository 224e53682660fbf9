// The eight things that always hold (README.md), each read from the live stores. Every
// check says what it looked at, so that a reader can repeat it.
import { auditEntries, countBy, writesOf } from './audit.ts'
import { creditsMatchPayments, ledgerBalances } from './money.ts'
import { machines, type Stores, sessions } from './stores.ts'

export interface Finding {
  number: number
  promise: string
  holds: boolean
  /** What was looked at, or what is wrong. */
  evidence: string
}

/** What has to be known of the past: the stores tell the rest. */
export interface Notes {
  /** RFC 3339; a time in which a session was played and nothing else happened. */
  quiet: { from: string; to: string }
  /** Bad input that was tried. */
  refusals: { said: string; changed: boolean }[]
}

interface GuestEvent {
  vmName: string
  publicIP?: string
  osDiskId?: string
  state: 'running' | 'stopped'
  /** A machine that runs is told of again when it is given notice: `preempt`. */
  reason: string
  tags?: Record<string, string>
}

interface AzureResource {
  id: string
  tags?: Record<string, string>
}

type AzureState = Record<
  'virtualMachines' | 'networkInterfaces' | 'publicIPAddresses' | 'networkSecurityGroups' | 'disks',
  AzureResource[]
>

export async function invariants(stores: Stores, notes: Notes): Promise<Finding[]> {
  return [
    await oneMachineEach(stores),
    await nothingOrphaned(stores),
    await endsWithPaidTime(stores),
    await ledgerBalances(stores),
    await creditsMatchPayments(stores),
    await evictionKeeps(stores),
    await idleCostsNothing(stores, notes),
    badInputIsTold(notes),
  ]
}

/** One machine's coming up, and what of the same owner ran at that moment. */
interface Boot extends GuestEvent {
  owner: string
  besides: string[]
}

/** Azure's own feed of machines that began and ceased to run, replayed. */
async function boots({ azure }: Stores): Promise<Boot[]> {
  const { events } = await azure<{ events: GuestEvent[] }>('/simulator/guests?since=0')
  const running = new Map<string, Set<string>>()
  return events.flatMap(event => {
    const { vmName, state, reason, tags } = event
    const owner = tags?.['wasd-uid'] ?? vmName
    const names = running.get(owner) ?? new Set()
    running.set(owner, names)
    if (state === 'stopped') names.delete(vmName)
    if (state === 'stopped' || reason === 'preempt') return []
    const besides = [...names].filter(name => name !== vmName)
    names.add(vmName)
    return [{ ...event, owner, besides }]
  })
}

async function oneMachineEach(stores: Stores): Promise<Finding> {
  const promise = 'A session owns at most one running VM'
  const all = await boots(stores)
  const doubled = all.filter(({ besides }) => besides.length > 0)
  if (doubled.length > 0) {
    const told = doubled.map(({ vmName, besides }) => [...besides, vmName].join(' and '))
    return { number: 1, promise, holds: false, evidence: `at once ran ${told.join('; ')}` }
  }
  const owners = new Set(all.map(({ owner }) => owner))
  return {
    number: 1,
    promise,
    holds: true,
    evidence: `${all.length} boots of ${owners.size} machine(s) in Azure's feed, never two at once`,
  }
}

async function nothingOrphaned(stores: Stores): Promise<Finding> {
  const promise = 'Nothing tagged ours is in Azure without a living owner'
  const state = await stores.azure<AzureState>('/simulator/state')
  const owners = new Set((await machines(stores)).map(({ metadata }) => metadata.uid))
  const ours = (
    ['virtualMachines', 'networkInterfaces', 'publicIPAddresses', 'networkSecurityGroups', 'disks'] as const
  )
    .flatMap(kind => state[kind])
    .filter(({ tags }) => tags?.['wasd-installation'] !== undefined)
  const orphans = ours.filter(({ tags }) => !owners.has(tags?.['wasd-uid'] ?? ''))
  if (orphans.length > 0) return { number: 2, promise, holds: false, evidence: orphans.map(({ id }) => id).join(', ') }
  return {
    number: 2,
    promise,
    holds: true,
    evidence: `${ours.length} tagged resources in Azure, ${owners.size} GpuVms in the cluster`,
  }
}

async function endsWithPaidTime(stores: Stores): Promise<Finding> {
  const promise = 'No machine runs past its paid seconds plus grace'
  const all = await sessions(stores)
  const metered = all.filter(({ spec }) => spec.paidSeconds !== undefined)
  const over = metered.filter(({ spec, status }) => {
    const open = status?.billing?.since === undefined ? 0 : (Date.now() - Date.parse(status.billing.since)) / 1000
    return (status?.billing?.seconds ?? 0) + open > (spec.paidSeconds ?? 0) + stores.graceSeconds
  })
  if (over.length > 0) {
    const told = over.map(
      ({ metadata, spec, status }) => `${metadata.name} played ${status?.billing?.seconds} s of ${spec.paidSeconds} s`,
    )
    return { number: 3, promise, holds: false, evidence: told.join(', ') }
  }
  const told = metered.map(({ spec, status }) => `${status?.billing?.seconds ?? 0} s of ${spec.paidSeconds} s`)
  return { number: 3, promise, holds: true, evidence: `played: ${told.join(', ') || 'no metered session'}` }
}

/** A machine that comes up again, in whatever VM, is on the same address and the same disk as before. */
async function evictionKeeps(stores: Stores): Promise<Finding> {
  const promise = 'Eviction keeps address, OS disk, saves and pairing'
  const all = await boots(stores)
  const { entries } = await stores.azure<{ entries: { kind: string; resource: string; status: number }[] }>(
    '/simulator/log?since=0',
  )
  const wrong: string[] = []
  for (const owner of new Set(all.map(boot => boot.owner))) {
    // One that came up beside another breaks the first promise, and took nothing over.
    const its = all.filter(boot => boot.owner === owner && boot.besides.length === 0)
    const addresses = new Set(its.map(({ publicIP }) => publicIP ?? 'no address'))
    if (addresses.size > 1) wrong.push(`${owner} came up on ${[...addresses].join(' and ')}`)
    const disks = new Set(its.map(({ osDiskId }) => osDiskId?.toLowerCase() ?? 'no disk'))
    if (disks.size > 1) wrong.push(`${owner} came up from ${[...disks].join(' and ')}`)
    // One made anew under the same name is not the same: disks go only after the last machine.
    const gone = entries.findIndex(({ kind, resource }) => kind === 'DELETE disks' && resource.includes(owner))
    const made = entries.findLastIndex(
      ({ kind, resource, status }) => kind === 'PUT virtualMachines' && resource.includes(owner) && status < 400,
    )
    if (gone >= 0 && gone < made) wrong.push(`${owner} lost its OS disk before its last machine was made`)
  }
  if (wrong.length > 0) return { number: 6, promise, holds: false, evidence: wrong.join('; ') }
  return {
    number: 6,
    promise,
    holds: true,
    evidence: `${all.length} boots, those of one machine on one address and one OS disk throughout`,
  }
}

async function idleCostsNothing(stores: Stores, { quiet }: Notes): Promise<Finding> {
  const promise = "An idle fleet costs no Kubernetes writes (the leader's Lease apart)"
  const [from, to] = [new Date(quiet.from), new Date(quiet.to)]
  const writes = writesOf(await auditEntries(stores.auditLog), stores.users).filter(
    ({ at, resource }) => resource !== 'leases' && at >= from && at <= to,
  )
  const seconds = ((to.getTime() - from.getTime()) / 1000).toFixed(0)
  const told = countBy(writes, ({ verb, resource }) => `${verb} ${resource}`).map(([key, count]) => `${count} × ${key}`)
  if (writes.length > 0)
    return { number: 7, promise, holds: false, evidence: `in ${seconds} quiet seconds: ${told.join(', ')}` }
  return {
    number: 7,
    promise,
    holds: true,
    evidence: `0 writes in ${seconds} s of undisturbed play, by the API server's audit log`,
  }
}

function badInputIsTold({ refusals }: Notes): Finding {
  const promise = 'Bad input gets a clear error, and changes nothing'
  const isClear = (said: string) => /\bspec\b/.test(said) && /must|should|supported values/.test(said)
  const wrong = refusals.filter(({ said, changed }) => changed || !isClear(said))
  if (refusals.length === 0) return { number: 8, promise, holds: false, evidence: 'no bad input was tried' }
  if (wrong.length > 0) return { number: 8, promise, holds: false, evidence: wrong.map(toldOf).join('; ') }
  return {
    number: 8,
    promise,
    holds: true,
    evidence: `${refusals.length} bad objects refused by name of field and what is permitted; none exists`,
  }
}

function toldOf({ said, changed }: Notes['refusals'][number]): string {
  return changed
    ? `accepted, or made all the same: ${said || 'without a word'}`
    : `refused without saying what is permitted: ${said}`
}
