// Keeps the queue equal to the objects: who waits for a machine, and what the machines take.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import type { Change, Reflector } from '../../lib/kube/reflector.ts'
import type { Admission } from '../capacity/admission.ts'
import { ADMISSION_REASONS } from './admission.ts'
import { askingOf, claimOfMachine } from './asking.ts'
import {
  type MachineIndex,
  machinesOf,
  ownerUid,
  PLAYER_INDEX,
  rivalsOf,
  type SessionIndex,
  takenRegions,
} from './observe.ts'

export interface QueueFeed {
  /** Looks at everything again, as after a change of the catalogue. */
  refresh(): void
}

/** To be made before the controller, whose passes must find in the queue what they saw in the stores. */
export function queueFeed(given: {
  sessions: Pick<Reflector<GameSession, SessionIndex>, 'store' | 'onChange'>
  machines: Pick<Reflector<GpuVm, MachineIndex>, 'store' | 'onChange'>
  catalogue: () => Catalogue
  admission: Pick<Admission, 'join' | 'leave' | 'place' | 'claim' | 'release' | 'changed'>
}): QueueFeed {
  const { catalogue, admission } = given
  const stores = { sessions: given.sessions.store, machines: given.machines.store }

  function look(session: GameSession): void {
    const [machine] = machinesOf(session, stores.machines)
    const asking = askingOf(session, {
      machine,
      rivals: rivalsOf(session, stores),
      takenRegions: takenRegions(session, stores.machines),
      catalogue: catalogue(),
    })
    if (asking && !isHeldUp(session)) admission.join(asking)
    else admission.leave(session.metadata.uid ?? '')
  }

  function lookAtPlayer(player: string): void {
    for (const session of stores.sessions.byIndex(PLAYER_INDEX, player)) look(session)
  }

  function onMachine({ type, object }: Change<GpuVm>): void {
    const uid = object.metadata.uid ?? ''
    const owner = ownerUid(object)
    const claim = claimOfMachine(object, catalogue())
    if (type === 'Deleted') admission.release(uid)
    else if (type === 'Added' && owner !== undefined) admission.place(owner, { uid, claim })
    else admission.claim(uid, claim)

    const session = owner === undefined ? undefined : sessionOf(object)
    if (session) lookAtPlayer(session.spec.player)
  }

  function sessionOf({ metadata }: GpuVm): GameSession | undefined {
    const name = metadata.ownerReferences?.find(({ kind }) => kind === 'GameSession')?.name
    return name === undefined ? undefined : stores.sessions.get({ namespace: metadata.namespace, name })
  }

  given.sessions.onChange(({ type, object }) => {
    if (type === 'Deleted') admission.leave(object.metadata.uid ?? '')
    lookAtPlayer(object.spec.player)
  })
  given.machines.onChange(onMachine)

  return {
    refresh() {
      for (const machine of stores.machines.list()) {
        admission.claim(machine.metadata.uid ?? '', claimOfMachine(machine, catalogue()))
      }
      for (const session of stores.sessions.list()) look(session)
      admission.changed()
    },
  }
}

/** The API server admits no machine for it: it asks again by itself, and until then is in nobody's way. */
function isHeldUp({ status }: GameSession): boolean {
  return ADMISSION_REASONS.includes(condition(status?.conditions, 'Ready')?.reason ?? '')
}
