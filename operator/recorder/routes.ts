// The flight recorder on the operator's own port. Read only; it answers where decisions are made, on the leader.
import { Hono } from 'hono'
import type { FlightRecorder } from './flight-recorder.ts'

/** `GET /v1/decisions/NAMESPACE/NAME`: `{"decisions": [text, …]}`, the oldest first. */
export function decisionRoutes(recorder: Pick<FlightRecorder, 'of'>, isLeading: () => boolean): Hono {
  const app = new Hono()
  app.get('/v1/decisions/:namespace/:name', context => {
    const decisions = recorder.of(context.req.param())
    if (decisions.length > 0) return context.json({ decisions }, 200, { 'Cache-Control': 'no-store' })
    const [code, status, detail] = isLeading()
      ? ([
          'NoDecisions',
          404,
          'Nothing was decided about a GpuVm of this name since this operator began to lead.',
        ] as const)
      : (['NotLeading', 503, 'This replica stands by. Ask the one that holds the Lease wasd-operator.'] as const)
    return context.json({ type: `urn:wasd:problem:${code}`, title: code, status, detail }, status, {
      'Content-Type': 'application/problem+json',
    })
  })
  return app
}
