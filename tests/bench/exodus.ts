// Two thousand machines that are played, or half of them vacant, all taken back by Azure in one second: the limits alone
// say how soon they can be played again, and who sits at one goes first. They stand before it begins (one is brought to
// run, the others are copies of it, made past the limits), so that the eviction alone is measured.
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { allPlayed, askedFigures, besideBound, secondsFor, type Watched, watched } from './bounds.ts'
import { evictRegion, inEarnest, type Stage } from './earnest.ts'
import type { Figure, Part } from './figures.ts'
import { bringToRun, copyFleet, guestsAnswer } from './fleet.ts'
import { quantile } from './looks.ts'
import { atSpeed, forEach, NAMESPACE, pause, progress, TAKES, until } from './world.ts'

/** As of the rush: each second of a busy machine counts so many. */
const SPEED = Number(process.env.BENCH_EXODUS_SPEED ?? 2)
const SESSIONS = Number(process.env.BENCH_EXODUS ?? 2000)
/** Azure takes its time for each of them. */
const AT_ONCE = 200

export async function exodus(folder: string): Promise<Part> {
  return {
    title: `${SESSIONS.toLocaleString('en')} machines evicted in one second, in Azure's seconds (Azure's time ${SPEED} times as fast)`,
    figures: await inEarnest({ folder, speed: SPEED }, async stage => {
      await stand(stage)
      const vacant = await halfLeave(stage)
      const operator = await stage.world.startOperator(atSpeed(SPEED))
      await until('everything was looked at', async () => {
        const queue = 'workqueue_depth{name="gpuvm.lifecycle",controller="gpuvm.lifecycle",priority="-100"}'
        return (await operator.metric(queue)) === 0
      })
      const figures = await massEviction({ ...stage, operator }, vacant)
      await operator.stop()
      return figures
    }),
  }
}

/** All of them, with no operator. */
async function stand({ world, operator }: Stage): Promise<void> {
  const template = await bringToRun(world)
  await operator.stop()
  await world.azure.control('POST', 'throttling', { enabled: false })
  await copyFleet(world, template, SESSIONS - 1, { atOnce: AT_ONCE, vmSeconds: TAKES.vmCreate / SPEED })
  await world.azure.control('POST', 'throttling', { enabled: true })
  await pause(TAKES.vmCreate / SPEED)
  await guestsAnswer(world)
}

/** By UID, the machines at which nobody sits. */
async function halfLeave({ world, looks }: Stage): Promise<ReadonlySet<string>> {
  const machines = await until('all machines stand', async () => {
    const standing = looks.machines.store.list()
    return standing.length === SESSIONS && standing
  })
  const left = machines.filter((_, index) => index % 2 === 0)
  progress('half of the players leave')
  await forEach(left.length, 32, async index => {
    const { metadata, status } = left[index] ?? {}
    if (metadata === undefined) return
    const guest = { incarnation: status?.incarnation?.number, connected: false, idleSince: new Date().toISOString() }
    const reference = { namespace: NAMESPACE, name: metadata.name }
    await world.kube.mergePatch(gpuVms, reference, { status: { guest } }, { subresource: 'status' })
  })
  return new Set(left.map(({ metadata: { uid = '' } }) => uid))
}

async function massEviction(stage: Stage, vacant: ReadonlySet<string>): Promise<Figure[]> {
  progress('evicting all of them')
  let evictedAt = 0
  const load = await watched(stage, SPEED, async () => {
    evictedAt = await evictRegion(stage.world)
    const is = ({ status }: { status?: { evictions?: number } }) => status?.evictions === 1
    await allPlayed(stage.seen, { what: 'all have recovered', count: SESSIONS, is })
  })
  const deletes = inOrder(load, { kind: 'DELETE virtualMachines', suffix: '-vm-1', vacant })
  const puts = inOrder(load, { kind: 'PUT virtualMachines', suffix: '-vm-2', vacant })
  const playing = SESSIONS - vacant.size
  const spread = Math.max(secondsFor('deletes', SESSIONS), secondsFor('writes', SESSIONS))
  const bound = TAKES.evict + TAKES.vmDelete + TAKES.vmCreate + TAKES.boot + spread
  const after = (isPlaying: boolean, share: number) =>
    quantile(
      puts.filter(put => put.isPlaying === isPlaying).map(({ at }) => ((at - evictedAt) / 1000) * SPEED),
      share,
    )
  return [
    { what: 'all evicted in one second are played again after', value: load.took, unit: 's' },
    ...besideBound(load.took, { of: 'a delete and a write each, eviction, deletion, machine and boot', bound }),
    { what: '  from the eviction to PUT on demand, somebody plays: p50', value: after(true, 0.5), unit: 's' },
    { what: '  from the eviction to PUT on demand, nobody does: p50', value: after(false, 0.5), unit: 's' },
    firstOnes('deleted', deletes, playing),
    firstOnes('made anew', puts, playing),
    { what: '  machines made anew', value: new Set(puts.map(({ uid }) => uid)).size, target: { atLeast: SESSIONS } },
    ...askedFigures(load, SESSIONS),
  ]
}

interface Turn {
  uid: string
  at: number
  isPlaying: boolean
}

/** The machines of which Azure took such a call, as they came. */
function inOrder(
  { asked }: Watched,
  { kind, suffix, vacant }: { kind: string; suffix: string; vacant: ReadonlySet<string> },
): Turn[] {
  return asked.flatMap(call => {
    const [, uid] = call.kind === kind && call.status < 300 ? (/gvm-([0-9a-f-]{36})-vm-/.exec(call.path) ?? []) : []
    return uid !== undefined && call.path.includes(suffix) ? [{ uid, at: call.at, isPlaying: !vacant.has(uid) }] : []
  })
}

/** Whose turn it was, as long as there were any of those who play. */
function firstOnes(what: string, order: readonly Turn[], playing: number): Figure {
  const first = order.slice(0, playing).filter(({ isPlaying }) => isPlaying).length
  return {
    what: `  of the first ${playing.toLocaleString('en')} that are ${what}, those of players`,
    value: (first / playing) * 100,
    unit: '%',
    target: { atLeast: 95 },
  }
}
