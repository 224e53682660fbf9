// I7: what has come to rest writes nothing to Kubernetes, and asks Azure for list pages alone.
import { gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { events } from '../../lib/kube/core.ts'
import { polls } from '../operator/support/mortal.ts'
import type { World } from '../operator/support/world.ts'
import { patientFor } from '../until.ts'
import type { Troupe } from './troupe.ts'

/** For so many of Azure's lists it keeps still; what is tagged is listed seldom. */
const LISTS = { fleet: 5, tagged: 2 }
/** What was begun before it rested is over by then; and so many lists come in less. */
const PATIENCE_SECONDS = 20

interface Resting {
  world: World
  namespace: string
  troupe: Troupe
  /** Of its GpuVms. */
  uids: readonly string[]
}

/** Throws with what goes on and on. */
export async function staysAtRest(resting: Resting): Promise<void> {
  let goingOn: string[] = []
  const account = async () => goingOn.join(', ')
  const { clock } = resting.world
  await patientFor(PATIENCE_SECONDS, { account, clock })('I7: at rest it asks and writes nothing', async () => {
    goingOn = await seenDuring(resting)
    return goingOn.length === 0
  })
}

/**
 * What was written and asked while Azure was listed so often, from one moment to another at which nothing was left to be
 * done: whatever a list gave to do was done in between.
 */
async function seenDuring({ world, namespace, troupe, uids }: Resting): Promise<string[]> {
  const { azure, clock } = world
  const asked = troupe.asked().length
  const since = (from: number) => troupe.asked().slice(from)
  const until = patientFor(PATIENCE_SECONDS, { clock, account: async () => since(asked).join(', ') })
  await until('I7: at rest it comes to an end', troupe.isIdle)
  const from = troupe.asked().length
  const before = { versions: await versionsIn(world, namespace), mark: await azure.mark() }
  const written = troupe.writes().length
  const { items: machines } = await world.kube.list(gpuVms, { namespace })
  const list = machines.length > 0 ? 'fleet' : 'tagged' // Of no machines there is no fleet to list.
  const isListed = () => since(from).filter(method => method === list).length >= LISTS[list]
  await until(`I7: at rest there is a list (${list})`, async () => isListed() && (await troupe.isIdle()))
  const named = (await azure.calls(before.mark)).filter(({ path }) => uids.some(uid => path.includes(uid)))
  const versions = await versionsIn(world, namespace)
  return [
    ...since(from).filter(method => !polls.includes(method)),
    ...named.map(({ kind }) => kind),
    ...troupe.writes().slice(written),
    ...versions.filter(version => !before.versions.includes(version)),
  ]
}

/** Events too are writes. */
async function versionsIn({ kube }: World, namespace: string): Promise<string[]> {
  const lists = await Promise.all([
    kube.list(gameSessions, { namespace }),
    kube.list(gpuVms, { namespace }),
    kube.list(events, { namespace }),
  ])
  return lists.flatMap(({ items }) =>
    items.map(({ kind, metadata }) => `${kind ?? 'Event'} ${metadata.name} at ${metadata.resourceVersion}`),
  )
}
