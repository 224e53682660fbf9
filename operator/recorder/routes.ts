// The flight recorder on the operator's own port. Read only.
import { Hono } from 'hono'
import type { MachineName } from '../history/history.ts'
import type { FlightRecorder } from './flight-recorder.ts'

export interface DecisionSources {
  /** What this process decided. */
  recorder: Pick<FlightRecorder, 'of'>
  /** What the database has, the oldest first, this process' own less the last seconds. Throws while it is away. */
  past: (machine: MachineName) => Promise<string[]>
  isLeading: () => boolean
}

/** `GET /v1/decisions/NAMESPACE/NAME`: `{"decisions": [text, …]}`, the oldest first. */
export function decisionRoutes({ recorder, past, isLeading }: DecisionSources): Hono {
  const app = new Hono()
  app.get('/v1/decisions/:namespace/:name', async context => {
    const machine = context.req.param()
    // Without its database the operator tells what it remembers.
    const before = await past(machine).catch(() => [])
    const decisions = [...new Set([...before, ...recorder.of(machine)])]
    if (decisions.length > 0) return context.json({ decisions }, 200, { 'Cache-Control': 'no-store' })
    const [code, status, detail] = isLeading()
      ? (['NoDecisions', 404, 'Nothing is on record of a GpuVm of this name.'] as const)
      : (['NotLeading', 503, 'This replica stands by. Ask the one that holds the Lease wasd-operator.'] as const)
    return context.json({ type: `urn:wasd:problem:${code}`, title: code, status, detail }, status, {
      'Content-Type': 'application/problem+json',
    })
  })
  return app
}
