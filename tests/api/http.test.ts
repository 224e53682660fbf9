// The JSON API over one stack: what it does, what it refuses, and that nothing else can be had of it.
import { createServer } from 'node:http'
import { afterAll, beforeAll } from 'vitest'
import { apiBehaves } from './api.suite.ts'
import { eventsAreTold } from './events.suite.ts'
import { type FrontStack, startFront } from './front.ts'
import { signInHolds } from './sign-in.suite.ts'

const queue = { items: [{ tier: 'standard', region: 'centralindia', expectedSeconds: 93.2, waiting: 2 }] }
const operator = createServer((_request, reply) => reply.end(JSON.stringify(queue)))

let stack: FrontStack
beforeAll(async () => {
  await new Promise<void>(resolve => operator.listen(0, '127.0.0.1', resolve))
  const address = operator.address()
  const port = typeof address === 'object' && address ? address.port : 0
  stack = await startFront({ operatorUrl: `http://127.0.0.1:${port}`, requestSeconds: 1 })
})
afterAll(async () => {
  operator.close()
  await stack?.stop()
})

signInHolds(() => stack)
apiBehaves(() => stack)
eventsAreTold(() => stack)
