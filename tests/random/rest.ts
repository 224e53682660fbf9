// I7: what has come to rest writes nothing to Kubernetes, and asks Azure for list pages alone.
import { setTimeout as delay } from 'node:timers/promises'
import { gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { events } from '../../lib/kube/core.ts'
import { polls } from '../operator/support/mortal.ts'
import type { World } from '../operator/support/world.ts'
import type { Troupe } from './troupe.ts'

/** For so many lists of Azure's it keeps still. */
const LISTS = 5
/** What was begun before it rested is over by then; and so many lists come in less. */
const PATIENCE_SECONDS = 10
const LOOK_MILLISECONDS = 20

interface Resting {
  world: World
  namespace: string
  troupe: Troupe
  /** Of its GpuVm. */
  uid: string
}

/** Throws with what goes on and on. */
export async function staysAtRest(resting: Resting): Promise<void> {
  const deadline = fromNow()
  let goingOn: string[]
  do {
    goingOn = await seenDuring(resting)
    if (goingOn.length === 0) return
  } while (Date.now() < deadline)
  throw new Error(`I7: at rest it goes on with ${goingOn.join(', ')}`)
}

const fromNow = () => Date.now() + PATIENCE_SECONDS * 1000

/** What was written and asked while Azure was listed so often. */
async function seenDuring({ world, namespace, troupe, uid }: Resting): Promise<string[]> {
  const { azure } = world
  const before = { versions: await versionsIn(world, namespace), mark: await azure.mark() }
  const asked = troupe.asked().length
  const written = troupe.writes().length
  const since = () => troupe.asked().slice(asked)
  const isListed = () => since().filter(method => method === 'fleet' || method === 'tagged').length >= LISTS
  const deadline = fromNow()
  while (!isListed() && Date.now() < deadline) await delay(LOOK_MILLISECONDS)
  const named = (await azure.calls(before.mark)).filter(({ path }) => path.includes(uid))
  const versions = await versionsIn(world, namespace)
  return [
    ...(isListed() ? [] : ['too few lists']),
    ...since().filter(method => !polls.includes(method)),
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
