// Plays a scene in which the operator is cut off at one call, and another goes on.
import type { GameSession } from '../../crds/types/gamesession.ts'
import { canonical, type Identities, identities, isToBeKept } from '../operator/support/canonical.ts'
import type { Operator, OperatorOptions } from '../operator/support/operator.ts'
import { isReady, type Scene, type World } from '../operator/support/world.ts'
import { billingWitness } from '../random/billing-witness.ts'
import type { Place } from '../random/place.ts'
import { accountOf, type Unsure } from './accounts.ts'

export interface Stage {
  world: World
  scene: Scene
  place: Place
}

export interface MatrixScene {
  title: string
  /** What the operators are besides: the one it is prepared by, and those that go on. */
  operated?(stage: Stage): { before: Partial<OperatorOptions>; after: Partial<OperatorOptions> }
  /** With an operator that nobody disturbs; the names of the machines. */
  prepare(stage: Stage): Promise<string[]>
  /** With the one that is cut off. */
  act(stage: Stage): Promise<void>
  /** Until it is as it has to be, whoever brings it about. For a session: how it is then. */
  ends(stage: Stage): Promise<GameSession | undefined>
  /** Gives back what is not the machines themselves. */
  leave?(stage: Stage): Promise<void>
  /** The operator is cut off at what it changes and not at its looks: those of its machines are other scenes'. */
  isCutAtWrites?: boolean
  /** How many machines are begun hangs on who is first; none twice, and at the end it is the same. */
  isRace?: boolean
  /** In place of its place's: where it spoils what there is of the first, which others are played on meanwhile. */
  sizes?: [string, string]
  /** Of its machines' objects, what hangs on who is first. */
  unsure?: readonly Unsure[]
}

export interface Ending {
  /**
   * What stands in Azure when the scene is over, less times, ids and where it was played; and how the machines' objects
   * and the session are.
   */
  dump: string
  /** The VMs that Azure took on, in order, by machine. */
  accepted: string[]
  /** What still stands in Azure when all is given back. */
  orphans: string[]
  /** What the operator that was to be cut off had asked by then. */
  calls: string[]
  /** At which of them it was cut off; `undefined` when the scene was over before. */
  cutAt: string | undefined
}

/** Where a machine moves to: a region that is used as the first is, without zones. */
export function awayFrom({ world, place }: Stage): string {
  const [region] = Object.entries(world.catalogue.regions).flatMap(([region, { zones }]) =>
    region === place.region || zones ? [] : [region],
  )
  if (region === undefined) throw new Error('The catalogue has no other region to move to.')
  return region
}

/** By how many machines were taken on that had been taken on already. */
export function madeTwice({ accepted }: Ending): number {
  return accepted.length - new Set(accepted).size
}

export interface Cut {
  after: number
  isReplyHeard: boolean
}

/** Plays one scene with an operator that is cut off after call number `after`, then gives the machines back. */
export async function playScene(played: MatrixScene, stage: Stage, cut: Cut): Promise<Ending> {
  const { world, scene } = stage
  const { azure } = world
  const { before = {}, after = {} } = played.operated?.(stage) ?? {}
  const began = await azure.mark()
  const { kube, clock } = world
  const witness = billingWitness({ kube, clock, namespace: scene.namespace, paidGraceSeconds: GRACE_SECONDS })
  try {
    const first = scene.operate({ paidGraceSeconds: GRACE_SECONDS, ...before })
    const names = await played.prepare(stage)
    const prepared = await uidsOf(scene, names)
    const drawn = await Promise.all(prepared.map(async uid => await identities(azure, uid)))
    await first.stop()

    let cutAt: string | undefined
    const operate = (more: Partial<OperatorOptions> = {}): Operator =>
      scene.operate({ paidGraceSeconds: GRACE_SECONDS, ...after, ...more })
    const doomed = operate({ cut: { ...cut, counting: played.isCutAtWrites ? 'writes' : 'calls' } })
    void doomed.died.then(async call => {
      cutAt = call
      await doomed.stop()
      operate()
    })
    await played.act(stage)
    const uids = [...new Set([...prepared, ...(await uidsOf(scene, names))])]
    const session = await played.ends(stage)
    const accounts = await accountsOf(scene, names, played.unsure)
    if (session !== undefined) accounts.push(accountOf(session, played.unsure))
    const known: Identities = new Map(drawn.flatMap(one => [...one]))
    await keeps(stage, { names, known })
    const dumps = await Promise.all(
      uids.map(async uid => await canonical(azure, { uid, namespace: scene.namespace }, known)),
    )
    const calls = [...doomed.calls]

    await played.leave?.(stage)
    for (const name of names) await scene.delete(name)
    for (const name of names) await scene.gone(name)
    const left = await Promise.all(uids.map(async uid => await azure.standing(uid)))
    witness.judge()
    return {
      dump: neutral([...dumps, ...accounts].join('\n'), { ...stage, isNumbered: played.isRace !== true }),
      accepted: await acceptedOf(stage, { began, uids }),
      orphans: left.flat(),
      calls,
      cutAt,
    }
  } finally {
    await witness.stop()
  }
}

/** Once all is done that follows from the end: what a machine's object says while it rests. */
async function accountsOf(scene: Scene, names: string[], unsure?: readonly Unsure[]): Promise<string[]> {
  return await Promise.all(
    names.map(async name => {
      const { machine } = await scene.until(`${name} is gone or rests`, async () => {
        const machine = await scene.get(name)
        return (machine === undefined || isReady(machine)) && { machine }
      })
      return accountOf(machine, unsure)
    }),
  )
}

/** Free seconds after the paid ones. */
const GRACE_SECONDS = 1

/** I6: whatever was prepared of addresses and disks stands, and is the very same, for as long as its machine is wanted. */
async function keeps({ world, scene }: Stage, { names, known }: { names: string[]; known: Identities }): Promise<void> {
  for (const name of names) {
    const { metadata } = (await scene.get(name)) ?? {}
    if (metadata?.uid === undefined || metadata.deletionTimestamp !== undefined) continue
    const { uid } = metadata
    const now = await identities(world.azure, uid)
    for (const [drawn, value] of known)
      if (drawn.includes(uid) && isToBeKept(drawn) && now.get(drawn) !== value)
        throw new Error(`I6: ${drawn} was ${value}, and is ${now.get(drawn) ?? 'gone'}.`)
  }
}

async function acceptedOf({ world }: Stage, { began, uids }: { began: number; uids: string[] }): Promise<string[]> {
  const puts = (await world.azure.calls(began)).filter(
    ({ kind, status }) => kind === 'PUT virtualMachines' && status >= 200 && status < 300,
  )
  return uids.flatMap(uid =>
    puts
      .filter(({ path }) => path.includes(uid))
      .map(({ path }) => `${uids.indexOf(uid)}: ${/-(vm-\d+)/.exec(path.replace(uid, ''))?.[1] ?? path}`),
  )
}

function neutral(text: string, { isNumbered, ...stage }: Stage & { isNumbered: boolean }): string {
  const { place } = stage
  return (isNumbered ? text : text.replaceAll(/-vm-\d+/gi, '-vm-N'))
    .replaceAll(new RegExp(place.region, 'gi'), 'REGION')
    .replaceAll(new RegExp(awayFrom(stage), 'gi'), 'AWAY')
    .replaceAll(place.sizes[0], 'SIZE')
    .replaceAll(place.sizes[1], 'OTHER')
}

/** A machine that is on its way out may be gone by now; then its scene ends with nothing, whatever it was. */
async function uidsOf(scene: Scene, names: string[]): Promise<string[]> {
  const machines = await Promise.all(names.map(async name => await scene.get(name)))
  return machines.flatMap(machine => machine?.metadata.uid ?? [])
}
