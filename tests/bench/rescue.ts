// A hundred sessions are asked for one after the other, and when all are played, every machine is evicted at once. Of
// each the time is told that neither Azure and the machine's boot took nor the quanta did: from the moment at which
// something was so in Azure until the operator's next look at it (list, look at an operation or a resource, probe).
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import type { Reflector } from '../../lib/kube/reflector.ts'
import { evictRegion, firstPlayed, inEarnest, type Stage } from './earnest.ts'
import type { Figure, Part } from './figures.ts'
import { type ArmCall, firstCall, quantile } from './looks.ts'
import { NAMESPACE, pause, progress, REGION, session, TAKES, until, type World } from './world.ts'

/** How many times as fast as in life Azure and the operator's timers run. */
const SPEED = Number(process.env.BENCH_RESCUE_SPEED ?? 1)
const SESSIONS = Number(process.env.BENCH_SESSIONS ?? 100)
/** Azure's seconds between two: so few ask at a time that no limit of Azure's is met. */
const EVERY_SECONDS = 0.5
/** What of a creation's time is Azure's and the machine's. */
const OWN_SECONDS = TAKES.publicIP + TAKES.nic + TAKES.vmCreate + TAKES.boot

export async function rescue(folder: string): Promise<Part> {
  const figures = await inEarnest({ folder, speed: SPEED }, async stage => {
    await first(stage.world, stage.seen)
    const creations = await create(stage)
    const rescues = await evictAll(stage)
    const refused = (await stage.looks.all()).filter(({ status }) => status === 429).length
    return [...creationFigures(creations), ...rescueFigures(rescues), { what: '429s received', value: refused }]
  })
  return {
    title: `${SESSIONS} sessions, asked for one after the other and then evicted together, in Azure's seconds (Azure's time ${SPEED} times as fast)`,
    figures,
  }
}

const seconds = (milliseconds: number) => (milliseconds / 1000) * SPEED
const milliseconds = (ofAzure: number) => (ofAzure * 1000) / SPEED

/** One that is not counted: it is made by a process that has just started. */
async function first({ kube }: World, seen: Reflector<GameSession>): Promise<void> {
  const { metadata } = await kube.create(gameSessions, session(SESSIONS))
  await until('the first is played', async () => seen.store.list().some(({ status }) => status?.phase === 'Running'))
  await kube.delete(gameSessions, { namespace: NAMESPACE, name: metadata.name }) // It is gone long before the eviction.
}

interface Creation {
  /** From the session's creation until it says that it is played. */
  totalSeconds: number
  /** Of that, between what was so and the look that saw it. */
  quanta: { address: number; networkInterface: number; machine: number; probe: number }
}

async function create({ world, seen, looks }: Stage): Promise<Creation[]> {
  const playedAt = firstPlayed(seen)
  const askedAt = new Map<string, number>()
  progress(`asking for ${SESSIONS} sessions`)
  for (let index = 0; index < SESSIONS; index += 1) {
    const wanted = session(index)
    askedAt.set(wanted.metadata.name, Date.now())
    await world.kube.create(gameSessions, wanted)
    await pause(EVERY_SECONDS / SPEED)
  }
  // By name: the one that is not counted may still be told of while it goes.
  await until(`${SESSIONS} sessions are played`, async () => [...askedAt.keys()].every(name => playedAt.has(name)))
  await pause(2 / SPEED)
  return await Promise.all(
    [...askedAt].map(async ([name, asked]) => {
      const machine = looks.machines.store.get({ namespace: NAMESPACE, name: `${name}-${REGION}` })
      const { uid = '' } = machine?.metadata ?? {}
      const answered = Date.parse(machine?.status?.stream?.since ?? '')
      const quanta = creationQuanta(await looks.of(uid), { uid, answered })
      return { totalSeconds: seconds((playedAt.get(name) ?? Number.NaN) - asked), quanta }
    }),
  )
}

function creationQuanta(calls: readonly ArmCall[], { uid, answered }: { uid: string; answered: number }) {
  const quantum = (put: string, takes: number, isLook: (call: ArmCall) => boolean) => {
    const made = firstCall(calls, put, ({ kind, path }) => kind === put && path.includes(uid)).at + milliseconds(takes)
    return { made, looked: firstCall(calls, `a look after ${put}`, isLook, made).at - made }
  }
  const address = quantum('PUT publicIPAddresses', TAKES.publicIP, ({ kind }) => kind === 'GET publicIPAddresses')
  const nic = quantum('PUT networkInterfaces', TAKES.nic, ({ kind }) => kind === 'GET networkInterfaces')
  const vm = quantum('PUT virtualMachines', TAKES.vmCreate, isLookAtMachine)
  return {
    address: seconds(address.looked),
    networkInterface: seconds(nic.looked),
    machine: seconds(vm.looked),
    probe: seconds(answered - vm.made) - TAKES.boot,
  }
}

function isLookAtMachine({ kind }: ArmCall): boolean {
  return ['LIST virtualMachines', 'GET virtualMachines', 'GET operations'].includes(kind)
}

function creationFigures(creations: readonly Creation[]): Figure[] {
  const total = creations.map(({ totalSeconds }) => totalSeconds)
  const quanta = (['address', 'networkInterface', 'machine', 'probe'] as const).map(name => ({
    what: `  set apart, the quantum of the look at ${names[name]}: p50`,
    value: quantile(
      creations.map(creation => creation.quanta[name]),
      0.5,
    ),
    unit: 's',
  }))
  const ours = creations.map(({ totalSeconds, quanta: { address, networkInterface, machine, probe } }) => {
    // The machine is made, seen and probed while it boots: its own quantum is part of the boot.
    return totalSeconds - OWN_SECONDS - address - networkInterface - Math.max(probe, machine - TAKES.boot)
  })
  const percent = (value: number) => (value / OWN_SECONDS) * 100
  return [
    { what: 'cold create, from the session to its play: p50', value: quantile(total, 0.5), unit: 's' },
    { what: "  of which Azure's and the boot's own", value: OWN_SECONDS, unit: 's' },
    ...quanta,
    { what: '  our overhead: p50', value: percent(quantile(ours, 0.5)), unit: '%' },
    { what: '  our overhead: p99', value: percent(quantile(ours, 0.99)), unit: '%', target: { atMost: 2 } },
  ]
}

const names = {
  address: 'the address',
  networkInterface: 'the interface',
  machine: 'the machine',
  probe: 'the stream',
} as const

interface Rescue {
  /** From the list that shows the eviction to the PUT of the on-demand VM. */
  totalSeconds: number
  deallocation: number
  deletion: number
  /** Ours, from the look that saw it deallocated to the DELETE, and from the one that saw it gone to the PUT. */
  toDelete: number
  toPut: number
}

async function evictAll({ world, seen, looks }: Stage): Promise<Rescue[]> {
  progress('evicting all of them')
  const evictedAt = await evictRegion(world)
  await until('all have recovered', async () =>
    seen.store.list().every(({ status }) => status?.phase === 'Running' && status.evictions === 1),
  )
  const uids = looks.machines.store.list().flatMap(({ metadata: { uid } }) => uid ?? [])
  return await Promise.all(uids.map(async uid => rescueOf(await looks.of(uid), { uid, evictedAt })))
}

function rescueOf(calls: readonly ArmCall[], { uid, evictedAt }: { uid: string; evictedAt: number }): Rescue {
  const [old, next] = [`gvm-${uid}-vm-1`, `gvm-${uid}-vm-2`]
  const isLook = (call: ArmCall) => isLookAtMachine(call) && !call.path.includes(next)
  const sign = firstCall(calls, 'a list that shows it', ({ kind }) => kind === 'LIST virtualMachines', evictedAt).at
  const deallocated = evictedAt + milliseconds(TAKES.evict)
  const isDelete = ({ kind, path }: ArmCall) => kind === 'DELETE virtualMachines' && path.includes(old)
  const deleted = firstCall(calls, 'the deletion', isDelete, evictedAt).at
  const gone = deleted + milliseconds(TAKES.vmDelete)
  const isPut = ({ kind, path }: ArmCall) => kind === 'PUT virtualMachines' && path.includes(next)
  const put = firstCall(calls, 'the PUT', isPut, evictedAt).at
  const sawDeallocated = firstCall(calls, 'a look when it was deallocated', isLook, deallocated).at
  const sawGone = firstCall(calls, 'a look when it was gone', isLook, gone).at
  return {
    totalSeconds: seconds(put - sign),
    deallocation: seconds(sawDeallocated - deallocated),
    deletion: seconds(sawGone - gone),
    toDelete: seconds(deleted - sawDeallocated),
    toPut: seconds(put - sawGone),
  }
}

function rescueFigures(rescues: readonly Rescue[]): Figure[] {
  const p = (share: number, of: (rescue: Rescue) => number) => quantile(rescues.map(of), share)
  return [
    { what: 'sign of the eviction to PUT on demand: p50', value: p(0.5, one => one.totalSeconds), unit: 's' },
    { what: '  of which the deletion is Azure’s own', value: TAKES.vmDelete, unit: 's' },
    {
      what: '  set apart, the quantum until deallocated is seen: p50',
      value: p(0.5, one => one.deallocation),
      unit: 's',
    },
    { what: '  set apart, the quantum until the VM is seen gone: p50', value: p(0.5, one => one.deletion), unit: 's' },
    { what: '  ours, deallocated to DELETE: p99', value: p(0.99, one => one.toDelete), unit: 's' },
    { what: '  ours, gone to PUT: p99', value: p(0.99, one => one.toPut), unit: 's' },
    { what: '  our share: p50', value: p(0.5, one => one.toDelete + one.toPut), unit: 's' },
    {
      what: '  our share: p99',
      value: p(0.99, one => one.toDelete + one.toPut),
      unit: 's',
      target: { atMost: 1 },
    },
  ]
}
