// GET /v1/sessions/{sessionId}/events: server-sent events, one for each change, in order. A reader that comes back with
// Last-Event-ID is told all that it missed. https://html.spec.whatwg.org/multipage/server-sent-events.html
import { createRoute, z } from '@hono/zod-openapi'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import type { Database } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { type SessionEvent, sessionEvents } from '../sessions/events.ts'
import { group, limitedBy, problems, SIGNED_IN, securedFor, time, ulid } from './api.ts'
import type { Stream, StreamHub } from './session-stream.ts'
import { desiredState, ownSession, sessionState } from './sessions.ts'

export interface SessionEventOutside {
  database: Database
  clock: Clock
  streams: StreamHub
  heartbeatSeconds: number
}

/** Seconds between comments, by which both sides notice that the other is gone. Load balancers cut at 60. */
export const HEARTBEAT_SECONDS = 15
/** Milliseconds that a client waits before it comes back. */
const RETRY_MILLISECONDS = 1000
/** Events read at a time. */
const BATCH = 100

export const sessionEventSchema = z
  .object({
    at: time,
    state: sessionState,
    desiredState,
    host: z.string().optional(),
    playedSeconds: z.int().openapi({ description: 'Of closed stretches of play.' }),
    playingSince: time.optional().openapi({ description: 'When the open stretch of play began.' }),
    endReason: z.string().optional(),
  })
  .openapi('SessionEvent')

const route = createRoute({
  security: securedFor('sessions:read'),
  ...limitedBy('stream'),
  method: 'get',
  path: '/v1/sessions/{sessionId}/events',
  operationId: 'streamSessionEvents',
  tags: ['Play'],
  summary: 'The session as it changes',
  description:
    'Server-sent events: `event: session`, an id, and a SessionEvent as data. Without Last-Event-ID all changes are told ' +
    'from the first on. It ends when the session has ended, and with the access token: come back with the next one, and ' +
    'with Last-Event-ID. 204 says that there is nothing more to come.',
  request: {
    params: z.strictObject({ sessionId: ulid }),
    headers: z.object({
      'last-event-id': z
        .string()
        .regex(/^\d{1,18}$/)
        .optional()
        .openapi({ description: 'The id of the last event that was received.' }),
    }),
  },
  responses: {
    200: { description: 'Events.', content: { 'text/event-stream': { schema: sessionEventSchema } } },
    204: { description: 'The session has ended, and its last event was received.' },
    ...problems(...SIGNED_IN, 'InvalidRequest', 'SessionUnknown', 'TooManyStreams'),
  },
})

export const sessionEventDescriptions = [route]

export function sessionEventRoutes(outside: SessionEventOutside) {
  const { database, clock, streams } = outside
  return group().openapi(route, async context => {
    const { sessionId } = context.req.valid('param')
    const after = BigInt(context.req.valid('header')['last-event-id'] ?? 0)
    const { playerId, expiresAt } = context.get('caller')
    const { state } = await ownSession(context.get('database'), { playerId, sessionId, now: clock.now() })
    const first = await sessionEvents(context.get('database'), { sessionId, after, limit: BATCH })
    if (state === 'Ended' && first.length === 0) return context.body(null, 204)

    const stream = streams.open({ playerId, sessionId })
    context.header('X-Accel-Buffering', 'no') // nginx would hold the events back.
    const reply = streamSSE(context, async output => {
      output.onAbort(() => stream.close())
      try {
        await send({ ...outside, output, stream }, { sessionId, after, until: expiresAt })
      } finally {
        stream.close()
      }
    })
    reply.headers.set('Cache-Control', 'no-store') // Of its own, Hono says `no-cache`, by which it may be kept.
    return reply

    async function send(
      { output, stream, heartbeatSeconds }: SessionEventOutside & { output: SSEStreamingApi; stream: Stream },
      given: { sessionId: string; after: bigint; until: Date },
    ): Promise<void> {
      let position = given.after
      await output.write(`retry: ${RETRY_MILLISECONDS}\n\n`)
      while (!output.aborted && !stream.ended.aborted && clock.now() < given.until) {
        const events = await sessionEvents(database, { sessionId: given.sessionId, after: position, limit: BATCH })
        for (const event of events) {
          await output.writeSSE({ event: 'session', id: String(event.id), data: JSON.stringify(shownEvent(event)) })
          position = event.id
        }
        if (events.at(-1)?.state === 'Ended') return
        if (events.length > 0) continue
        const leftSeconds = (given.until.getTime() - clock.now().getTime()) / 1000
        await stream.changed(Math.min(heartbeatSeconds, Math.max(0.05, leftSeconds)))
        if (!output.aborted) await output.write(': still here\n\n')
      }
    }
  })
}

export function shownEvent(event: SessionEvent): z.infer<typeof sessionEventSchema> {
  const { at, state, desiredState: desired, host, playedSeconds, playingSince, endReason } = event
  return {
    at: at.toISOString(),
    state,
    desiredState: desired,
    ...(host === undefined ? {} : { host }),
    playedSeconds: Number(playedSeconds),
    ...(playingSince === undefined ? {} : { playingSince: playingSince.toISOString() }),
    ...(endReason === undefined ? {} : { endReason }),
  }
}
