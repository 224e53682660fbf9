// Every refusal that the document names is reached, at every route, with the status and in the words it is documented
// with. One that is named and cannot be reached fails here, and so does one for which nobody has said how.
import { beforeAll, describe, expect, test } from 'vitest'
import { atOnce } from './at-once.ts'
import { type Conformity, conformity } from './conformity.ts'
import { type ApiDocument, naming, readDocument } from './document.ts'
import { type Refusals, type RefusalsStack, refusalsOf } from './refusals.ts'

/** Reached where there is a cluster: guest.suite.ts. */
const ELSEWHERE = ['reportGuest MachineOver']
/** Reached with everything held up, and with the database away. */
const APART = ['TimedOut', 'Unavailable']

export function refusalsAreReached(given: () => RefusalsStack): void {
  describe('refusals', () => {
    let document: ApiDocument
    let checks: Conformity
    let refusals: Refusals
    beforeAll(async () => {
      document = await readDocument(given().stack)
      checks = conformity(document)
      refusals = await refusalsOf(given())
    })

    /** Everything stored is held up while `act` is at work. */
    const heldUp = (act: () => Promise<void>) =>
      given().stack.admin.begin(async lock => {
        const tables = await lock<{ name: string }[]>`
          SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'queue%'`
        for (const { name } of tables) await lock`LOCK TABLE ${lock(name)} IN ACCESS EXCLUSIVE MODE`
        await act()
      })

    test('every one that the document names is reached, with its status, in words, and as a problem', async () => {
      const pairs = document.operations.flatMap(operation =>
        operation.refusals.map(refusal => ({ operation, refusal })),
      )
      expect(pairs.length).toBeGreaterThan(200)
      // By code: some are reached by what may be told of one request only.
      for (const [code, named] of Map.groupBy(pairs, ({ refusal }) => refusal.code)) {
        if (APART.includes(code)) continue
        await atOnce(named, {
          limit: 4,
          async run({ operation, refusal }) {
            const name = `${operation.id} ${code}`
            if (ELSEWHERE.includes(name)) return
            const reach = refusals.byCode[code]
            if (!reach) throw new Error(`Nobody has said how ${name} is reached.`)
            const answer = await reach(operation)
            expect([name, answer.status, answer.json.code]).toEqual([name, refusal.status, code])
            checks.conforms(operation, answer, name)
          },
        })
      }
    })

    test('work that takes too long is broken off at every route that has some', async () => {
      const { attempt } = refusals
      const slow = naming(document, 'TimedOut')
      expect(slow.length).toBeGreaterThan(20)
      await heldUp(async () => {
        const asked = slow.map(async operation => ({ operation, answer: await attempt(operation) }))
        for (const { operation, answer } of await Promise.all(asked)) {
          expect([operation.id, answer.json.code]).toEqual([operation.id, 'TimedOut'])
          checks.conforms(operation, answer)
        }
      })
    })

    test('every route under /v1 is documented, refuses strangers unless it is public, and is limited', () => {
      const served = given().stack.application.routes.filter(
        ({ path, method }) => path.startsWith('/v1/') && method !== 'ALL',
      )
      const documented = new Set(
        document.operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
      )
      expect(new Set(served.map(({ method, path }) => `${method} ${path}`))).toEqual(documented)
      const open = document.operations.filter(({ security }) => security === 'Nobody').map(({ id }) => id)
      expect(open.sort()).toEqual(
        ['beginOpenIdSignIn', 'completeOpenIdSignIn', 'getCatalogue', 'refreshTokens', 'signInFromMiniApp'].sort(),
      )
      for (const { id, refusals, method } of document.operations) {
        const codes = refusals.map(({ code }) => code)
        expect(codes, id).toContain('TooManyRequests')
        if (method === 'POST') expect(codes, id).toContain('IdempotencyKeyMissing')
      }
    })
  })
}
