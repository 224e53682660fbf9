// Pages by a cursor: where the last one ended, not how many came before, so that what is added meanwhile shifts nothing.
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

/** A page of a list that is read by where the page before ended. */
export async function paged<Item, Shown>(
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  list: {
    /** What a position looks like. */
    pattern: RegExp
    positionOf(item: Item): string
    read(page: { before: string | undefined; limit: number }): Promise<Item[]>
    shown(item: Item): Shown
  },
): Promise<{ items: Shown[]; nextCursor?: string }> {
  const { pattern, positionOf: positionIn, read, shown } = list
  const items = await read({ before: positionOf(cursor, pattern), limit: limit + 1 })
  const { items: page, ...next } = cut(items, { limit, positionOf: positionIn })
  return { items: page.map(shown), ...next }
}

/** One more than the page was asked for: whether there is a next one is known by it. */
function cut<Item>(
  items: readonly Item[],
  { limit, positionOf }: { limit: number; positionOf: (item: Item) => string },
): { items: Item[]; nextCursor?: string } {
  const page = items.slice(0, limit)
  const last = page.at(-1)
  const hasMore = items.length > limit && last !== undefined
  return { items: page, ...(hasMore ? { nextCursor: cursorOf(positionOf(last)) } : {}) }
}

/** Opaque to clients, so that it may become something else. */
function cursorOf(position: string): string {
  return Buffer.from(`1:${position}`).toString('base64url')
}

/** Throws `HttpError` InvalidRequest when the cursor is none that we gave out. */
function positionOf(cursor: string | undefined, pattern: RegExp): string | undefined {
  if (cursor === undefined) return undefined
  const [version, position = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split(':')
  if (version !== '1' || !pattern.test(position)) {
    const faults = [{ at: 'cursor', message: 'the nextCursor of a page before is expected; without one, the first' }]
    throw new HttpError('InvalidRequest', { faults })
  }
  return position
}

export const ULID_POSITION = /^[0-9a-hjkmnp-tv-z]{26}$/
/** Within PostgreSQL's bigint. */
export const NUMBER_POSITION = /^[1-9]\d{0,17}$/
/** An id of ours of whatever version. */
export const ID_POSITION = /^[\w-]{1,40}$/
