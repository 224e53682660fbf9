import { createServer, type RequestListener } from 'node:http'
import { expect, test } from 'vitest'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { operatorHints } from './operator-hints.ts'

/** What is hinted when the operator answers so. */
async function hint(answer: RequestListener) {
  const server = createServer(answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  try {
    const url = typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : undefined
    const wish = { tier: 'standard', regions: ['centralindia', 'southindia'] }
    return await operatorHints({ url, clock }).expectedStart(wish)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
const item = { tier: 'standard', region: 'centralindia', expectedSeconds: 93.2, waiting: 2 }
const says = (body: unknown) => hint((_request, reply) => reply.end(JSON.stringify(body)))

test('the soonest of the wished regions is hinted', async () => {
  expect(await says({ items: [item] })).toEqual({ seconds: 94, sessionsAhead: 2 })
  expect(await says({ items: [item, { ...item, region: 'southindia', expectedSeconds: 60, waiting: 0 }] })).toEqual({
    seconds: 60,
    sessionsAhead: 0,
  })
})

test('an operator that speaks of other places, of another version, or not at all, gives no hint', async () => {
  expect(await says({ items: [{ ...item, region: 'westus' }] })).toBeNull()
  expect(await says({ items: [{ ...item, tier: 'ultra' }] })).toBeNull()
  expect(await says({ queue: 'moved' })).toBeNull()
  expect(await hint((_request, reply) => reply.writeHead(500).end('oh'))).toBeNull()
  expect(
    await hint((_request, reply) => reply.writeHead(302, { Location: 'http://169.254.169.254/' }).end()),
  ).toBeNull()
  expect(await hint(() => undefined)).toBeNull()
  expect(await operatorHints({ url: undefined, clock }).expectedStart({ tier: 'x', regions: [] })).toBeNull()
})
