// /v1/sessions: to start one, see it, pause, resume and end it. The commands are those of the bot.
import { createRoute, z } from '@hono/zod-openapi'
import type { Queries } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { isoTime } from '../../lib/process/iso-time.ts'
import { type CommandOutside, pause, resume, SESSION_STATES, stop } from '../sessions/commands.ts'
import { SessionError } from '../sessions/errors.ts'
import { type SessionRecord, sessionRecord, sessionRecords } from '../sessions/history.ts'
import { startOnce } from '../sessions/starting.ts'
import {
  emptyBody,
  group,
  idempotencyKey,
  jsonBody,
  jsonReply,
  POSTED,
  paise,
  paiseOf,
  problems,
  reading,
  SIGNED_IN,
  SIGNED_IN_STILL,
  time,
  ulid,
  writing,
} from './api.ts'
import { HttpError } from './errors.ts'
import { open, REPLAYED, unclaimed } from './idempotency.ts'
import { paged, pagesOf, ULID_POSITION } from './paging.ts'
import { catalogueKey, regionName } from './quotes.ts'

export interface SessionOutside {
  clock: Clock
  commands: Omit<CommandOutside, 'database'>
}

export const sessionState = z.enum([...SESSION_STATES, 'Ended'])
export const desiredState = z.enum(['Running', 'Paused', 'Ended'])

export const sessionSchema = z
  .object({
    id: ulid,
    game: z.string(),
    tier: z.string(),
    regions: z.array(z.string()),
    state: sessionState.openapi({ description: 'Only while it is Playing does it cost anything.' }),
    desiredState: desiredState.openapi({ description: 'What was last asked for.' }),
    host: z.string().optional().openapi({ description: 'The address to enter in Moonlight.' }),
    pricePaisePerHour: paise,
    paidSeconds: z.int().openapi({ description: 'Seconds of play for which money is set aside or was charged.' }),
    playedSeconds: z.int(),
    costPaise: paise.openapi({ description: 'What the played seconds cost; once it has ended, what was charged.' }),
    interruptions: z.array(z.object({ cause: z.string(), since: z.string(), seconds: z.int().optional() })),
    createdAt: time,
    endedAt: time.optional(),
    endReason: z.string().optional(),
  })
  .openapi('Session')

const params = z.strictObject({ sessionId: ulid })

const create = createRoute({
  ...writing('sessions:write', 'Play', 'start'),
  'x-keeps-reply': true,
  path: '/v1/sessions',
  operationId: 'startSession',
  summary: 'Start to play',
  description: 'Sets aside the price of the first minutes. The machine comes up after that; waiting costs nothing.',
  request: {
    headers: idempotencyKey,
    body: jsonBody(
      z.strictObject({
        game: catalogueKey.openapi({ example: 'star-caravan' }),
        tier: catalogueKey.openapi({ example: 'standard' }),
        regions: z
          .array(regionName)
          .min(1)
          .max(8)
          .optional()
          .openapi({ description: 'In order of preference; several are consent to a move. Without any, ours.' }),
      }),
    ),
  },
  responses: {
    201: jsonReply('On its way.', sessionSchema),
    ...problems(
      ...POSTED,
      ...SIGNED_IN_STILL,
      ...(['GameUnknown', 'TierUnknown', 'RegionUnknown', 'SessionActive', 'InsufficientFunds'] as const),
    ),
  },
})

const list = createRoute({
  ...reading('sessions:read', 'Play'),
  path: '/v1/sessions',
  operationId: 'listSessions',
  summary: 'Sessions, the newest first',
  ...pagesOf('Sessions', sessionSchema),
})

const one = createRoute({
  ...reading('sessions:read', 'Play'),
  path: '/v1/sessions/{sessionId}',
  operationId: 'getSession',
  summary: 'One session',
  request: { params },
  responses: {
    200: jsonReply('The session.', sessionSchema),
    ...problems(...SIGNED_IN, 'InvalidRequest', 'SessionUnknown'),
  },
})

const command = {
  ...writing('sessions:write', 'Play'),
  request: { params, headers: idempotencyKey, body: emptyBody },
} as const
const commanded = jsonReply('Asked for. What comes of it, the session’s events tell.', sessionSchema)
const refusals = problems(...POSTED, ...SIGNED_IN_STILL, 'SessionUnknown', 'SessionOver', 'SessionEnding')

const pauseOne = createRoute({
  ...command,
  path: '/v1/sessions/{sessionId}/pause',
  operationId: 'pauseSession',
  summary: 'Pause: the machine stops, its disk stays',
  responses: { 200: commanded, ...refusals },
})

const resumeOne = createRoute({
  ...command,
  path: '/v1/sessions/{sessionId}/resume',
  operationId: 'resumeSession',
  summary: 'Play on',
  description: 'A pause by support stands: `desiredState` is `Paused` again as soon as that is found.',
  responses: { 200: commanded, ...refusals },
})

const endOne = createRoute({
  ...command,
  path: '/v1/sessions/{sessionId}/end',
  operationId: 'endSession',
  summary: 'End, which is final',
  description: 'To end it again changes nothing.',
  responses: { 200: commanded, ...problems(...POSTED, ...SIGNED_IN_STILL, 'SessionUnknown') },
})

export const sessionDescriptions = [create, list, one, pauseOne, resumeOne, endOne]

/** Of a session that lived when it was looked at: it was settled before the word came to it. */
function isOverMeanwhile(error: unknown): boolean {
  return error instanceof SessionError && error.code === 'NoSession'
}

export function sessionRoutes({ clock, commands }: SessionOutside) {
  const shownNow = async (database: Queries, which: Which) =>
    shownSession(await ownSession(database, { ...which, now: clock.now() }))
  /** Only of one's own, and only while it lives. */
  const commanding = async (database: Queries, which: Which, act: typeof pause) => {
    const { state } = await ownSession(database, { ...which, now: clock.now() })
    if (state === 'Ended') throw new HttpError('SessionOver')
    await act({ database }, which).catch((error: unknown) => {
      throw isOverMeanwhile(error) ? new HttpError('SessionOver') : error
    })
    return await shownNow(database, which)
  }

  return group()
    .openapi(create, async context => {
      const { regions, ...wish } = context.req.valid('json')
      const { playerId } = context.get('caller')
      const request = context.get('request')
      const done = await startOnce(
        { ...commands, database: context.get('database') },
        { ...wish, ...(regions ? { regions } : {}), playerId, now: clock.now() },
        { ...request, answer: shownSession },
      )
      switch (done.outcome) {
        case 'Started':
          return context.json(done.reply, 201)
        // As it was given: the version that gave it may have said less of a session, or more.
        case 'Kept':
          return context.json(JSON.parse(done.body), 201, REPLAYED)
        case 'KeptSealed':
          return context.json(JSON.parse(open(done.sealedBody, request.text)), 201, REPLAYED)
        default:
          throw unclaimed(done.outcome)
      }
    })
    .openapi(list, async context => {
      const { playerId } = context.get('caller')
      const page = await paged(context.req.valid('query'), {
        of: { list: list.operationId, playerId },
        pattern: ULID_POSITION,
        positionOf: ({ session }) => session.id,
        read: asked => sessionRecords(context.get('database'), { playerId, now: clock.now(), ...asked }),
        shown: shownSession,
      })
      return context.json(page, 200)
    })
    .openapi(one, async context => {
      const { sessionId } = context.req.valid('param')
      const { playerId } = context.get('caller')
      return context.json(await shownNow(context.get('database'), { playerId, sessionId }), 200)
    })
    .openapi(pauseOne, async context => {
      const which = { playerId: context.get('caller').playerId, ...context.req.valid('param') }
      return context.json(await commanding(context.get('database'), which, pause), 200)
    })
    .openapi(resumeOne, async context => {
      const which = { playerId: context.get('caller').playerId, ...context.req.valid('param') }
      return context.json(await commanding(context.get('database'), which, resume), 200)
    })
    .openapi(endOne, async context => {
      const which = { playerId: context.get('caller').playerId, ...context.req.valid('param') }
      const database = context.get('database')
      const { state } = await ownSession(database, { ...which, now: clock.now() })
      if (state !== 'Ended') {
        await stop({ database }, which).catch((error: unknown) => {
          if (!isOverMeanwhile(error)) throw error // What was wanted.
        })
      }
      return context.json(await shownNow(database, which), 200)
    })
}

interface Which {
  playerId: string
  sessionId: string
}

/** Throws `SessionUnknown` for what is not there and for what is another's, in the same words. */
export async function ownSession(database: Queries, which: Which & { now: Date }): Promise<SessionRecord> {
  const record = await sessionRecord(database, which)
  if (!record) throw new HttpError('SessionUnknown')
  return record
}

export function shownSession(record: SessionRecord): z.infer<typeof sessionSchema> {
  const { session, state } = record
  const { id, game, tier, regions, seen, createdAt, endedAt, endReason } = session
  return {
    id,
    game,
    tier,
    regions,
    state,
    desiredState: session.desiredState,
    ...(seen.host === undefined ? {} : { host: seen.host }),
    pricePaisePerHour: paiseOf(record.ratePaisePerHour),
    paidSeconds: Number(record.paidSeconds),
    playedSeconds: Number(record.playedSeconds),
    costPaise: paiseOf(record.costPaise),
    interruptions: seen.interruptions,
    createdAt: isoTime(createdAt.getTime()),
    ...(endedAt === undefined ? {} : { endedAt: isoTime(endedAt.getTime()) }),
    ...(endReason === undefined ? {} : { endReason }),
  }
}
