// What the sessions look like from afar. Every label comes from a closed set.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { GameSession, GameSessionStatus } from '../../crds/types/gamesession.ts'
import { isTrue } from '../../lib/kube/conditions.ts'
import type { Store } from '../../lib/kube/store.ts'
import { grantedSeconds, playedSeconds } from './billing.ts'
import { type Seen, secondsBetween } from './decision.ts'

const PHASES = [
  'Pending',
  'Provisioning',
  'Starting',
  'Running',
  'Recovering',
  'Paused',
  'Ending',
  'Ended',
  'Failed',
] as const satisfies NonNullable<GameSessionStatus['phase']>[]
const READY_BUCKETS = [15, 30, 60, 90, 120, 180, 300, 600, 1200, 3600]
const RECOVERY_BUCKETS = [15, 30, 60, 90, 120, 180, 300, 600, 1200, 3600]
const LATE_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300]

export type GameSessionMetrics = ReturnType<typeof gameSessionMetrics>

/** Registers everything with `registry`; once per registry. */
export function gameSessionMetrics(registry: Registry, sessions: Store<GameSession>) {
  const registers = [registry]
  /** How many there are in each phase, now. */
  const byPhase = (about: { name: string; help: string; is: (session: GameSession) => boolean }) =>
    new Gauge({
      name: about.name,
      help: about.help,
      labelNames: ['phase'],
      registers,
      collect() {
        const counts = new Map<string, number>(PHASES.map(phase => [phase, 0]))
        for (const session of sessions.list().filter(about.is)) {
          const phase = session.status?.phase ?? 'Pending'
          counts.set(phase, (counts.get(phase) ?? 0) + 1)
        }
        for (const [phase, count] of counts) this.set({ phase }, count)
      },
    })
  byPhase({ name: 'wasd_sessions', help: 'GameSessions by phase', is: () => true })
  byPhase({
    name: 'wasd_sessions_stalled',
    help: 'GameSessions that only a person can bring to what they ask for, by phase; one whose pause or end it is costs on',
    is: ({ status }) => isTrue(status?.conditions, 'Stalled'),
  })
  const ready = new Histogram({
    name: 'wasd_session_ready_seconds',
    help: 'Seconds from the creation of a GameSession to its first playable moment',
    buckets: READY_BUCKETS,
    registers,
  })
  const recovery = new Histogram({
    name: 'wasd_session_interruption_seconds',
    help: 'Seconds from the last playable moment to the next',
    labelNames: ['cause'],
    buckets: RECOVERY_BUCKETS,
    registers,
  })
  const ended = new Counter({
    name: 'wasd_sessions_ended_total',
    help: 'Sessions whose end was decided, by reason',
    labelNames: ['reason'],
    registers,
  })
  const late = new Histogram({
    name: 'wasd_session_paid_time_late_seconds',
    help: 'Seconds of play from the end of paid time and grace until the end was decided; nobody is billed for them',
    buckets: LATE_BUCKETS,
    registers,
  })
  const played = new Counter({
    name: 'wasd_session_billed_seconds_total',
    help: 'Seconds of play in intervals that were closed',
    registers,
  })

  return {
    /** Counts what `next` says and the status before did not. */
    count({ session, billing, now: at, settings }: Seen, next: GameSessionStatus): void {
      const before = session.status ?? {}
      const { creationTimestamp } = session.metadata
      if (next.readyAt !== undefined && before.readyAt === undefined && creationTimestamp !== undefined) {
        ready.observe(Math.max(0, secondsBetween({ from: creationTimestamp, to: next.readyAt })))
      }
      const over = before.interruptions?.at(-1)
      const now = next.interruptions?.find(({ since }) => since === over?.since)
      if (over && over.seconds === undefined && now?.seconds !== undefined) {
        recovery.observe({ cause: now.cause }, now.seconds)
      }
      if (next.endReason !== undefined && before.endReason === undefined) {
        ended.inc({ reason: next.endReason })
        if (next.endReason === 'PaidTimeUsed') {
          late.observe(Math.max(0, playedSeconds(billing, at) - grantedSeconds(session, settings)))
        }
      }
      played.inc(Math.max(0, (next.billing?.seconds ?? 0) - (before.billing?.seconds ?? 0)))
    },
  }
}
