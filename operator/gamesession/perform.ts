// Does one step outside: one call an arm. Every delete and change names the UID (and, where a stale sight would do
// harm, the version) that it was decided on.
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { type GpuVm, type GpuVmSpec, gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { removeFinalizer } from '../../lib/kube/finalizers.ts'
import type { OwnWrites } from '../../lib/kube/own-writes.ts'
import { controllerReference, type MergePatch, referenceOf } from '../../lib/kube/resource.ts'
import { claimed, INSTALLATION_ANNOTATION } from '../installation.ts'
import {
  EVICTIONS_BEFORE_ANNOTATION,
  FINALIZER,
  isEnding,
  MACHINE_FINALIZER,
  type MachineChange,
  PLAYER_LABEL,
  SESSION_LABEL,
  SESSION_UID_ANNOTATION,
  type Step,
} from './decision.ts'
import { ownMachines } from './observe.ts'
import { machineName } from './placement.ts'

export const FIELD_MANAGER = 'wasd-operator-gamesession'

export interface Hands {
  client: KubeClient
  ownWrites: OwnWrites
  /** Marks what is taken on and what is made. */
  installationId: string
}

/** `session` is the object as this pass has last written it. Throws `KubeError`; the next pass decides anew. */
export async function perform(
  step: Step,
  session: GameSession,
  { client, ownWrites, installationId }: Hands,
  signal: AbortSignal,
): Promise<void> {
  const key = referenceOf(session)
  const { uid, resourceVersion } = session.metadata
  switch (step.do) {
    case 'AddFinalizer': {
      const options = { finalizer: FINALIZER, installationId, signal }
      ownWrites.remember(gameSessions, await claimed(client, gameSessions, session, options))
      return
    }
    case 'TakeOver': {
      const { uid: machineUid, resourceVersion: seenVersion } = step.machine.metadata
      const metadata = {
        uid: machineUid,
        resourceVersion: seenVersion,
        ownerReferences: [controllerReference(session)],
      }
      const options = { fieldManager: FIELD_MANAGER, signal }
      ownWrites.remember(gpuVms, await client.mergePatch(gpuVms, referenceOf(step.machine), { metadata }, options), key)
      return
    }
    case 'End':
      return // The status said it.
    case 'CreateMachine': {
      // A leader that has just gone may have made one that no watch has told us of.
      const standing = await ownMachines(session, client, signal)
      if (standing.some(({ metadata }) => metadata.uid !== step.move?.from.metadata.uid)) return
      const machine = machineFor(session, step.spec, installationId)
      const made = await client.create(gpuVms, machine, { fieldManager: FIELD_MANAGER, signal })
      ownWrites.remember(gpuVms, made, key)
      return
    }
    case 'ChangeMachine': {
      const { metadata } = step.machine
      const patch = {
        metadata: { uid: metadata.uid, resourceVersion: metadata.resourceVersion },
        spec: withNulls(step.spec),
      }
      const options = { fieldManager: FIELD_MANAGER, signal }
      ownWrites.remember(gpuVms, await client.mergePatch(gpuVms, referenceOf(step.machine), patch, options), key)
      return
    }
    case 'DeleteMachine': {
      const { metadata } = step.machine
      // An end deletes whatever the machine has become; a move, only the machine that it was decided on.
      const unchanged = isEnding(session) ? {} : { resourceVersion: metadata.resourceVersion }
      await client.delete(gpuVms, referenceOf(step.machine), { uid: metadata.uid, ...unchanged, signal })
      const leaving = await client.get(gpuVms, referenceOf(step.machine), { signal })
      if (leaving) ownWrites.remember(gpuVms, leaving, key) // Or the next pass would delete it again.
      return
    }
    case 'AnnotateMachine': {
      const { uid, resourceVersion } = step.machine.metadata
      const patch = { metadata: { uid, resourceVersion, annotations: step.annotations } }
      const options = { fieldManager: FIELD_MANAGER, signal }
      ownWrites.remember(gpuVms, await client.mergePatch(gpuVms, referenceOf(step.machine), patch, options), key)
      return
    }
    case 'LetMachineGo': {
      const left = await removeFinalizer(client, gpuVms, step.machine, MACHINE_FINALIZER, { signal })
      if (left) ownWrites.remember(gpuVms, left, key)
      return
    }
    case 'RemoveFinalizer': {
      const left = await removeFinalizer(client, gameSessions, session, FINALIZER, { signal })
      // Unless another's finalizer keeps it, it is gone with ours: the next pass would ask for the same of nothing.
      const isGone = left?.metadata.deletionTimestamp !== undefined && !left.metadata.finalizers?.length
      if (left && !isGone) ownWrites.remember(gameSessions, left)
      else ownWrites.rememberGone(gameSessions, session)
      return
    }
    case 'DeleteSession': {
      await client.delete(gameSessions, key, { uid, resourceVersion, signal })
      return
    }
    default:
      return step satisfies never
  }
}

function machineFor(session: GameSession, spec: GpuVmSpec, installationId: string): GpuVm {
  const { namespace, name } = session.metadata
  return {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GpuVm',
    metadata: {
      ...(namespace !== undefined && { namespace }),
      name: machineName(session, spec.region),
      finalizers: [MACHINE_FINALIZER], // Its own controller would put it on before anything else.
      labels: { [PLAYER_LABEL]: session.spec.player, [SESSION_LABEL]: name },
      annotations: {
        [INSTALLATION_ANNOTATION]: installationId,
        [SESSION_UID_ANNOTATION]: session.metadata.uid ?? '',
        [EVICTIONS_BEFORE_ANNOTATION]: String(session.status?.evictions ?? 0),
      },
      ownerReferences: [controllerReference(session)],
    },
    spec,
  }
}

/** A merge patch removes what it names as null; a field that is present and undefined is meant so. */
function withNulls(spec: MachineChange): MergePatch<GpuVmSpec> {
  return Object.fromEntries(Object.entries(spec).map(([field, value]) => [field, value ?? null]))
}
