// Gives a session its machine, keeps the account of play, and brings it to its end: one step a pass.
import { type GameSession, type GameSessionStatus, gameSessions } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { type Controller, controller, type Reconcile } from '../../lib/kube/controller.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import type { Recorder } from '../../lib/kube/events.ts'
import type { Reflector } from '../../lib/kube/reflector.ts'
import { type ObjectReference, referenceOf } from '../../lib/kube/resource.ts'
import type { Runtime } from '../../lib/kube/runtime.ts'
import { ownedBy, type RawSource, reflected } from '../../lib/kube/sources.ts'
import { strangers } from '../installation.ts'
import { type StatusRecord, statusRecord } from '../status-record.ts'
import { ADMISSION_REASONS } from './admission.ts'
import { decide, SESSION_LABEL, type Seen, type Verdict } from './decision.ts'
import { announce } from './events.ts'
import type { GameSessionMetrics } from './metrics.ts'
import { isNoteworthy } from './noteworthy.ts'
import { type MachineIndex, PLAYER_INDEX, type Senses, type SessionIndex, see } from './observe.ts'
import { orphanage } from './orphans.ts'
import { FIELD_MANAGER, type Hands, perform } from './perform.ts'
import { phases } from './phases.ts'
import { plausibleSession } from './plausible.ts'
import { statusOf } from './status.ts'
import { priorityOf, priorityOfChange } from './urgency.ts'

export interface Outside {
  runtime: Runtime
  sessions: Reflector<GameSession, SessionIndex>
  machines: Reflector<GpuVm, MachineIndex>
  senses: Senses
  hands: Hands
  recorder: Recorder
  metrics: GameSessionMetrics
  /** Where whoever knows better asks for a look: the catalogue changed, prices came. */
  nudges: RawSource
  /** Nobody is placed before. */
  recalled: Promise<void>
  concurrency: number
  /** Seconds for which a machine must have been seen without its session. */
  orphanGraceSeconds: number
}

export function gameSessionController(outside: Outside): Controller {
  const { runtime, sessions, machines, hands, recorder, nudges, recalled, concurrency } = outside
  const plausible = (session: GameSession) => plausibleSession(session, runtime.clock.now())
  const records = statusRecord({ ...hands, recorder, resource: gameSessions, plausible })
  return controller({
    runtime,
    name: 'gamesession.lifecycle',
    reconcile: gameSessionReconciler({ ...outside, records }),
    sources: [
      reflected(sessions, {
        map: session => ofOnePlayer(session, sessions),
        priority: priorityOfChange,
      }),
      reflected(machines, {
        map: machine => [...ownedBy(gameSessions)(machine), ...namedAfter(machine)],
        priority: () => priorityOf({}),
      }),
      { ...nudges, synced: recalled },
    ],
    concurrency,
    backoff: { initialSeconds: 0.1, maximumSeconds: 60 },
    reconcileTimeoutSeconds: 60,
    ready: key => hands.ownWrites.caughtUp(key),
  })
}

/** A session that ends or goes makes way for its player's others. */
function ofOnePlayer(session: GameSession, { store }: Reflector<GameSession, SessionIndex>): ObjectReference[] {
  return [session, ...store.byIndex(PLAYER_INDEX, session.spec.player)].map(referenceOf)
}

/** Who waits for the machine's name to come free is not its owner. */
function namedAfter({ metadata, spec }: GpuVm): ObjectReference[] {
  const { namespace, name, labels } = metadata
  const suffix = `-${spec.region}`
  const session = labels?.[SESSION_LABEL] ?? (name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined)
  return session === undefined ? [] : [{ namespace, name: session }]
}

interface Inside extends Outside {
  records: StatusRecord<GameSession>
}

function gameSessionReconciler(outside: Inside): Reconcile {
  const { runtime, sessions, senses, hands, records } = outside
  const isAnothers = strangers({ log: runtime.log, installationId: hands.installationId })
  const orphans = orphanage(outside)
  const uids = new Map<string, string>()

  return async function reconcile(key, signal) {
    const found = sessions.store.get(key)
    forgetOthers(key, found)
    if (found === undefined) return await orphans(key, signal)
    if (isAnothers(found)) return {}

    const session = await records.restored(found, { fieldManager: FIELD_MANAGER, signal })
    const seen = await see(session, senses, signal)
    const verdict = decide(phases, seen)
    const written = isDoneFirst(session, verdict) ? session : await record(seen, verdict, outside, signal)
    if (verdict.step) {
      try {
        await perform(verdict.step, written, hands, signal)
      } catch (error) {
        if (verdict.step.do !== 'CreateMachine' || !isKubeError(error, 'Forbidden')) throw error
        senses.admission.refused(session.metadata.uid ?? '', error)
        return { requeueAfterSeconds: 0 } // The next pass says why.
      }
      runtime.log.info(fieldsOf(session, verdict), 'Took a step for a session')
    }
    return { requeueAfterSeconds: verdict.requeueAfterSeconds, priority: priorityOf(verdict) }
  }

  /** The stopwatch runs by UID; a session that is gone, or another under the same name, needs the old one no more. */
  function forgetOthers(key: ObjectReference, session: GameSession | undefined): void {
    const name = `${key.namespace}/${key.name}`
    const known = uids.get(name)
    const uid = session?.metadata.uid
    if (known !== undefined && known !== uid) {
      senses.watch.forget(known)
      records.forget(known)
      senses.admission.forget(known)
    }
    if (uid === undefined) uids.delete(name)
    else uids.set(name, uid)
  }
}

/**
 * The finalizer alone comes before the first status; the pass that follows at once writes it. What was not admitted is
 * asked for again before the status says so, or each attempt would be written twice. And one whose end is on record
 * is let go: nobody reads in a status that vanishes that its deletion was seen.
 */
function isDoneFirst({ status }: GameSession, { step }: Verdict): boolean {
  const reason = condition(status?.conditions, 'Ready')?.reason
  switch (step?.do) {
    case 'AddFinalizer':
      return true
    case 'CreateMachine':
      return ADMISSION_REASONS.includes(reason ?? '')
    case 'RemoveFinalizer':
      return status?.endedAt !== undefined
    default:
      return false
  }
}

/** Intent first; nothing noteworthy, no write. A status that was read too early is refused, and the pass begins anew. */
async function record(seen: Seen, verdict: Verdict, outside: Inside, signal: AbortSignal): Promise<GameSession> {
  const { session } = seen
  const { records, recorder, metrics } = outside
  const status: GameSessionStatus = statusOf(seen, verdict)
  if (!isNoteworthy(session.status, status)) return session

  const written = await records.write({ ...session, status }, { fieldManager: FIELD_MANAGER, signal })
  announce(recorder, seen, verdict, status)
  metrics.count(seen, status)
  return written
}

function fieldsOf({ metadata }: GameSession, { step }: Verdict): Record<string, unknown> {
  const { namespace, name } = metadata
  return { namespace, session: name, step: step?.do, ...(step?.do === 'End' && { reason: step.reason }) }
}
