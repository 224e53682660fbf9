// The parts that keep sessions going, as the program starts and stops them.
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { Reflector } from '../../lib/kube/reflector.ts'
import type { Runnable, Runtime } from '../../lib/kube/runtime.ts'
import type { Handler } from '../queue/worker.ts'
import { compareSessions } from './compare.ts'
import { meterSessions } from './meter.ts'
import { applySession } from './outbox.ts'
import type { SessionsOutside } from './outside.ts'
import { watchSessions } from './watch.ts'

/** After a cluster that was away, the operator ends at once whose paid seconds are played by what it was told. */
const AT_MOST_SECONDS = 10

export interface SessionParts {
  reflector: Reflector<GameSession>
  /** To be run once the reflector has synced: `manager` does so. Every replica runs them. */
  runnables: Runnable[]
  /** Works `kubernetes.session` off. */
  handler: Handler<'kubernetes.session'>
}

export function sessionParts(outside: SessionsOutside, runtime: Runtime): SessionParts {
  const { reflector, controller } = watchSessions(outside, runtime)
  return {
    reflector,
    runnables: [
      controller,
      { name: 'api.meter', run: ({ stop }) => meterSessions(outside, stop) },
      { name: 'api.compare', run: ({ stop }) => compareSessions(outside, reflector, stop) },
    ],
    // Tried for ever: a stop never lapses, and a start does so by itself.
    handler: {
      concurrency: 4,
      atMostSeconds: AT_MOST_SECONDS,
      handle: (payload, signal) => applySession(outside, payload, signal),
    },
  }
}
