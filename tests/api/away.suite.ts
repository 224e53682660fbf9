// With the database away. The last suite of its stack: what it takes away does not come back.
import { beforeAll, describe, expect, test } from 'vitest'
import { sign } from '../../demo/simulators/razorpay/signatures.ts'
import { ask } from './client-of.ts'
import { conformity } from './conformity.ts'
import { type ApiDocument, naming, readDocument } from './document.ts'
import { type Refusals, type RefusalsStack, refusalsOf } from './refusals.ts'

export function itIsSaidThatTheDatabaseIsAway(given: () => RefusalsStack): void {
  describe('with the database away', () => {
    let document: ApiDocument
    let refusals: Refusals
    beforeAll(async () => {
      const { stack } = given()
      document = await readDocument(stack)
      refusals = await refusalsOf(given())
      const { server } = stack.postgres
      server.kill('SIGKILL')
      await server.ended()
    })

    test('every route that needs it says so, and the others go on', async () => {
      const checks = conformity(document)
      let left = naming(document, 'Unavailable')
      // Where many wait for a connection at once, the time of some is over before it is refused.
      for (let round = 1; left.length > 0 && round <= 10; round += 1) {
        const asked = left.map(async operation => ({ operation, answer: await refusals.attempt(operation) }))
        const answers = await Promise.all(asked)
        for (const { operation, answer } of answers) {
          const { status, json } = answer
          expect([503, json.code]).toEqual([status, expect.stringMatching(/^(Unavailable|TimedOut)$/)])
          checks.conforms(operation, answer)
        }
        left = answers.filter(({ answer }) => answer.json.code !== 'Unavailable').map(({ operation }) => operation)
      }
      expect(left.map(({ id }) => id)).toEqual([])
      expect((await ask(given().stack.publicUrl, '/v1/catalogue')).status).toBe(200)
    })

    test('I8: people get a page, and machines a problem', async () => {
      const { publicUrl, razorpay } = given().stack
      const shown = await fetch(`${publicUrl}/top-up/${'x'.repeat(43)}`)
      expect(shown.status).toBe(503)
      expect(await shown.text()).toContain('Load this page again in a minute')

      const body = JSON.stringify({ event: 'payment.captured', payload: {} })
      const signature = sign(body, razorpay.webhookSecret)
      const told = await fetch(`${publicUrl}/webhooks/razorpay`, {
        method: 'POST',
        headers: { 'X-Razorpay-Signature': signature },
        body,
      })
      expect(told.status).toBe(503)
      expect(await told.json()).toMatchObject({ code: 'Unavailable' })
    })
  })
}
