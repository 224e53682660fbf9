// Pages by a cursor: where the last one ended, not how many came before, so that what is added meanwhile shifts nothing.
import { hash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { jsonReply, problems, SIGNED_IN } from './api.ts'
import { HttpError } from './errors.ts'

/** Items on a page: by default, and at most. */
export const PAGE = { standard: 20, maximum: 100 } as const

const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(PAGE.maximum)
    .default(PAGE.standard)
    .openapi({ description: 'Items on the page.' }),
  cursor: z
    .string()
    .regex(/^[\w-]{1,100}$/)
    .optional()
    .openapi({ description: 'The `nextCursor` of the page before, as it was given. Absent for the first.' }),
}

/** Of a route: what it takes and what it answers when it lists one's own, by pages. `name` is the page's in the document. */
export function pagesOf<Item extends z.ZodType>(name: string, item: Item) {
  const page = z
    .object({
      items: z.array(item),
      nextCursor: z.string().optional().openapi({ description: 'For the next page; absent on the last.' }),
    })
    .openapi(name)
  return {
    request: { query: z.strictObject(pageQuery) },
    responses: { 200: jsonReply('A page.', page), ...problems(...SIGNED_IN, 'InvalidRequest') },
  }
}

/** Whose list it is, and which: a cursor is good for no other. */
export interface Listed {
  /** The operation's id. */
  list: string
  playerId: string
}

/** A page of a list that is read by where the page before ended. */
export async function paged<Item, Shown>(
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  list: {
    of: Listed
    /** What a position looks like. */
    pattern: RegExp
    positionOf(item: Item): string
    read(page: { before: string | undefined; limit: number }): Promise<Item[]>
    shown(item: Item): Shown
  },
): Promise<{ items: Shown[]; nextCursor?: string }> {
  const { of, pattern, positionOf, read, shown } = list
  const before = cursor === undefined ? undefined : positionAt(cursor, { of, pattern })
  const items = await read({ before, limit: limit + 1 }) // One more: whether there is a next page is known by it.
  const page = items.slice(0, limit)
  const last = page.at(-1)
  const hasMore = items.length > limit && last !== undefined
  return { items: page.map(shown), ...(hasMore ? { nextCursor: cursorAt(positionOf(last), of) } : {}) }
}

/**
 * Opaque to clients, so that it may become something else. What it carries of its list tells a mistake, and is no secret:
 * whatever the position, only the player's own is read from there.
 */
function cursorAt(position: string, { list, playerId }: Listed): string {
  const check = hash('sha256', ['cursor', list, playerId, position].join('\n'), 'base64url').slice(0, CHECK_LENGTH)
  return Buffer.from(`${VERSION}:${position}:${check}`).toString('base64url')
}

/** As the version before gave it out, which stands beside this one during a rollout. Of no use in the next. */
function cursorBefore(position: string): string {
  return Buffer.from(`1:${position}`).toString('base64url')
}

const VERSION = '2'
const CHECK_LENGTH = 11

/** Throws `HttpError` InvalidRequest when the cursor is none that we gave out for this list. */
function positionAt(cursor: string, { of, pattern }: { of: Listed; pattern: RegExp }): string {
  const [, position = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split(':')
  const isOurs = cursor === cursorAt(position, of) || cursor === cursorBefore(position)
  if (!pattern.test(position) || !isOurs) {
    const message = 'the nextCursor of a page before, of this very list, is expected; without one, the first'
    throw new HttpError('InvalidRequest', { faults: [{ at: 'cursor', message }] })
  }
  return position
}

export const ULID_POSITION = /^[0-9a-hjkmnp-tv-z]{26}$/
/** Within PostgreSQL's bigint. */
export const NUMBER_POSITION = /^[1-9]\d{0,17}$/
/** An id of ours of whatever version. */
export const ID_POSITION = /^[\w-]{1,40}$/
