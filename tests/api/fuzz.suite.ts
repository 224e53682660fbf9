// Requests made from the document, fitting and not, at every route: none breaks anything, none that does not fit is taken.
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type MadeRequest, requestTo } from './arbitraries.ts'
import { type ApiPlayer, signIn } from './client-of.ts'
import { type ApiDocument, type Operation, readDocument } from './document.ts'
import type { FrontStack } from './front.ts'

/** Operations after which the player is signed in no more. */
const FAREWELLS = ['deleteMe', 'signOut']

export function fuzzingFindsNothing(stackOf: () => FrontStack, runs: number, timeout = 60_000): void {
  describe('fuzzing', () => {
    let stack: FrontStack
    let document: ApiDocument
    beforeAll(async () => {
      stack = stackOf()
      document = await readDocument(stack)
    })

    test(
      `${runs} requests to each route: no 5xx, nothing undocumented, no field that is not known`,
      async () => {
        const seen = new Map<string, Set<number>>()
        for (const operation of document.operations) {
          let player = await signIn(stack, 'Fuzzer')
          await player.isCredited(1000)
          const property = fc.asyncProperty(requestTo(operation, document), async request => {
            const status = await checked(operation, request, player)
            seen.set(operation.id, (seen.get(operation.id) ?? new Set()).add(status))
            if (status === 204 && FAREWELLS.includes(operation.id)) player = await signIn(stack, 'Fuzzer')
          })
          await fc.assert(property, { numRuns: runs, endOnFailure: true, examples: plainly(operation) })
        }
        // It would prove nothing if all were refused at the door.
        const taken = [...seen].filter(([, statuses]) => [...statuses].some(status => status < 300)).map(([id]) => id)
        expect(taken).toEqual(
          expect.arrayContaining([
            'createTopUp',
            'signOut',
            'getWallet',
            'listSessions',
            'listPayments',
            'listRefunds',
            'exportMe',
          ]),
        )
      },
      timeout,
    )

    /** A look that has to be told nothing comes first, without anything; no luck is needed for it to be taken. */
    function plainly({ method, path, parameters }: Operation): [MadeRequest][] {
      if (method !== 'GET' || parameters.some(({ required }) => required)) return []
      return [[{ path, headers: {}, body: undefined, isFitting: true }]]
    }

    async function checked(operation: Operation, request: MadeRequest, player: ApiPlayer): Promise<number> {
      const { path, headers, body, isFitting } = request
      const reply = await fetch(`${stack.publicUrl}${path}`, {
        method: operation.method,
        headers: {
          ...headers,
          ...(operation.security === 'Player' ? { Authorization: `Bearer ${player.token}` } : {}),
          ...(operation.method === 'POST' ? { 'Idempotency-Key': crypto.randomUUID() } : {}),
        },
        ...(body === undefined || operation.method === 'GET' ? {} : { body }),
      })
      const text = await reply.text()
      const { status } = reply
      const told = `${operation.method} ${path} ${JSON.stringify({ headers, body })}\n${status} ${text.slice(0, 500)}`
      expect(status, told).toBeLessThan(500)
      expect(operation.statuses, told).toContain(status)
      if (!isFitting) expect(status, told).toBeGreaterThanOrEqual(400)
      if (status >= 400) {
        expect(reply.headers.get('Content-Type'), told).toBe('application/problem+json')
        const { code } = JSON.parse(text)
        expect(operation.refusals, told).toContainEqual({ code, status })
      }
      return status
    }
  })
}
