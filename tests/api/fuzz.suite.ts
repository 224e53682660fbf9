// Requests made from the document, fitting and not, at every route: what is right is taken, what does not fit is refused with
// its place, and every reply is one that the document promises.
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type MadeRequest, requestTo, rightBut } from './arbitraries.ts'
import { atOnce } from './at-once.ts'
import { type Cast, type Right, SPENDING } from './cast.ts'
import { type Answered, type Conformity, conformity } from './conformity.ts'
import { type ApiDocument, type Operation, readDocument } from './document.ts'
import type { FrontStack } from './front.ts'
import { bodyMutations, type Mutation, parameterMutations } from './mutations.ts'

export interface FuzzOptions {
  given: () => { stack: Pick<FrontStack, 'publicUrl'>; cast: Cast }
  /** Random requests to each route. */
  runs: number
  /** Those that are tried here; all of them, unless it says otherwise. */
  operations?: (id: string) => boolean
  timeout?: number
}

/** Routes that are tried at once. */
const AT_ONCE = 4
const faultsSchema = z.looseObject({ code: z.string(), faults: z.array(z.object({ at: z.string() })).default([]) })

export function fuzzingFindsNothing({
  given,
  runs,
  operations: isTried = () => true,
  timeout = 60_000,
}: FuzzOptions): void {
  describe('fuzzing', () => {
    let url: string
    let document: ApiDocument
    let operations: Operation[]
    let checks: Conformity
    let cast: Cast
    beforeAll(async () => {
      const { stack } = given()
      cast = given().cast
      url = stack.publicUrl
      document = await readDocument(stack)
      checks = conformity(document)
      operations = document.operations.filter(({ id }) => isTried(id))
    })

    test(
      'what is asked rightly is taken, at every operation of the document, and answered as the document says',
      () =>
        everywhere(async (operation, asks) => {
          const { status, text } = await asks(right => rightBut(operation, right))
          expect(status, `${operation.id}: ${text}`).toBeLessThan(300)
        }),
      timeout,
    )

    test('a reply that is not as the document says is seen', async () => {
      const [operation] = operations
      if (!operation) throw new Error('There is nothing to ask.')
      const right = await rightOf(operation)
      const answered = await sent(operation, rightBut(operation, right), right)
      const body = z.record(z.string(), z.unknown()).parse(JSON.parse(answered.text))
      const [first = ''] = Object.keys(body)
      const { [first]: _, ...less } = body
      const bare = new Headers(answered.headers)
      bare.delete('RateLimit-Remaining')
      const wrong: [string, Partial<Answered>][] = [
        ['additional|unevaluated', { text: JSON.stringify({ ...body, secret: 1 }) }],
        ['must be', { text: JSON.stringify({ ...body, [first]: null }) }],
        ['required', { text: JSON.stringify(less) }],
        ['RateLimit-Remaining', { headers: bare }],
        ['no documented media type', { headers: new Headers([...answered.headers, ['Content-Type', 'text/html']]) }],
        ['no documented status', { status: 299 }],
      ]
      for (const [words, change] of wrong) {
        expect(() => checks.conforms(operation, { ...answered, ...change })).toThrow(new RegExp(words))
      }
    })

    test(
      'I8: each field in turn of the wrong type, too long, too large, missing, odd or unknown is refused with its place; what the document permits there is not',
      () =>
        everywhere(async (operation, asks) => {
          const { body } = operation
          const schema = body && document.resolve(body)
          for (const mutation of schema ? bodyMutations(schema, checks.permits) : []) {
            const { name, value } = mutation
            judge(
              operation,
              mutation,
              await asks(right => rightBut(operation, right, { body: { ...right.body, [name]: value } })),
            )
          }
          for (const mutation of parameterMutations(operation, checks.permits)) {
            const { name, value } = mutation
            judge(operation, mutation, await asks(right => rightBut(operation, right, { parameter: name, value })))
          }
        }),
      timeout,
    )

    test(
      `${runs} requests to each route: no 5xx, nothing undocumented, no field that is not known`,
      () =>
        everywhere(async (operation, asks) => {
          const property = fc.asyncProperty(requestTo(operation, document), async make => {
            let isFitting = true
            const { status, text } = await asks(right => {
              const request = make(right)
              isFitting = request.isFitting
              return request
            })
            if (!isFitting) expect(status, `${operation.id}: ${text}`).toBeGreaterThanOrEqual(400)
          })
          await fc.assert(property, { numRuns: runs, endOnFailure: true })
        }),
      timeout,
    )

    type Asks = (make: (right: Right) => MadeRequest) => Promise<Answered>

    /** Some routes at once; at each one request after the other, by somebody who may. */
    async function everywhere(tries: (operation: Operation, asks: Asks) => Promise<void>): Promise<void> {
      await atOnce(operations, { limit: AT_ONCE, run: operation => tries(operation, asking(operation)) })
    }

    function asking(operation: Operation): Asks {
      let right: Right | undefined
      let asked = 0
      return async make => {
        right ??= await rightOf(operation)
        const answered = await sent(operation, make(right), right)
        asked += 1
        const isSpent = answered.status < 300 && SPENDING.includes(operation.id)
        if (isSpent || asked % (right.uses ?? Number.POSITIVE_INFINITY) === 0) right = undefined
        return answered
      }
    }

    async function rightOf({ id }: Operation): Promise<Right> {
      const make = cast[id]
      if (!make) throw new Error(`Nobody has said how ${id} is asked rightly.`)
      return await make()
    }

    async function sent(operation: Operation, request: MadeRequest, { token }: Right): Promise<Answered> {
      const { path, headers, body } = request
      const reply = await fetch(`${url}${path}`, {
        method: operation.method,
        headers: {
          ...headers,
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          ...(operation.method === 'POST' ? { 'Idempotency-Key': crypto.randomUUID() } : {}),
        },
        ...(body === undefined || operation.method === 'GET' ? {} : { body }),
      })
      const answered = { status: reply.status, headers: reply.headers, text: await reply.text() }
      const told = `${operation.method} ${path} ${JSON.stringify({ headers, body })}\n${reply.status} ${answered.text.slice(0, 500)}`
      expect(answered.status, told).toBeLessThan(500)
      checks.conforms(operation, answered, told)
      return answered
    }
  })
}

/** A cursor is opaque: what it may be, the document does not say. */
function judge(operation: Operation, { name, value, isPermitted }: Mutation, { status, text }: Answered): void {
  const told = `${operation.id} ${name} = ${JSON.stringify(value)?.slice(0, 100)}: ${status} ${text.slice(0, 500)}`
  const { code, faults } = status < 400 ? { code: undefined, faults: [] } : faultsSchema.parse(JSON.parse(text))
  const places = code === 'InvalidRequest' ? faults.map(({ at }) => at.split('.')[0]) : []
  if (!isPermitted) {
    expect([status, code], told).toEqual([422, 'InvalidRequest'])
    expect(places, told).toContain(name)
  } else if (name !== 'cursor') expect(places, told).toEqual([])
}
