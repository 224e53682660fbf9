// What faces people, over one stack: the pages, the bot, and the JSON API: what it does, what it refuses, and that nothing
// else can be had of it.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { createRateLimits, LIMITS, type RateLimits } from '../../api/http/rate-limits.ts'
import { connectRedis } from '../../api/http/redis.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { apiBehaves } from './api.suite.ts'
import { itIsSaidThatTheDatabaseIsAway } from './away.suite.ts'
import { botAnswers } from './bot.suite.ts'
import { castOf } from './cast.ts'
import { clientWorks } from './client.suite.ts'
import { eventsAreTold } from './events.suite.ts'
import { type FrontStack, startFront } from './front.ts'
import { fuzzingFindsNothing } from './fuzz.suite.ts'
import { type GuestSigner, guestSigner } from './guest-signer.ts'
import { postsAreDoneOnce } from './idempotency.suite.ts'
import { owaspTopTenHolds } from './owasp.suite.ts'
import { everyListIsWalked } from './paging.suite.ts'
import { refundsAreAskedFor } from './refunds.suite.ts'
import { refusalsAreReached } from './refusals.suite.ts'
import { LIMITED_ADDRESS } from './refusals.ts'
import { rolloutsAreNotNoticed } from './rollout.suite.ts'
import { signInHolds } from './sign-in.suite.ts'
import { noTokenIsConfused } from './tokens.suite.ts'
import { topUpsArePaidOnTheWeb } from './top-up.suite.ts'

const queue = { items: [{ tier: 'standard', region: 'centralindia', expectedSeconds: 93.2, waiting: 2 }] }
const operator = createServer((_request, reply) => reply.end(JSON.stringify(queue)))

/** In force for one address alone: the tests ask more than one player would. */
const counted = createRateLimits(
  connectRedis({ url: 'redis://127.0.0.1:9', mode: 'Single' }, createLogger({ program: 'test', level: 'silent' })),
)
const limits: RateLimits = {
  count: (first, ...others) =>
    first.subject.endsWith(LIMITED_ADDRESS)
      ? counted.count(first, ...others)
      : Promise.resolve({ limit: LIMITS[first.name], remaining: 1, resetSeconds: 1, isRefused: false }),
}

const folder = mkdtempSync(join(tmpdir(), 'wasd-guest-keys-'))
let guests: GuestSigner
let guestToken: string
const guestUid = crypto.randomUUID()
let stack: FrontStack
beforeAll(async () => {
  await new Promise<void>(resolve => operator.listen(0, '127.0.0.1', resolve))
  const address = operator.address()
  const port = typeof address === 'object' && address ? address.port : 0
  guests = await guestSigner(folder)
  guestToken = await guests.sign({ uid: guestUid, name: 'nowhere' })
  stack = await startFront({
    operatorUrl: `http://127.0.0.1:${port}`,
    guestKeysFile: guests.file,
    requestSeconds: 2,
    limits,
  })
})
afterAll(async () => {
  operator.close()
  await stack?.stop()
  rmSync(folder, { recursive: true, force: true })
})

topUpsArePaidOnTheWeb(() => stack)
botAnswers(() => stack)
signInHolds(() => stack)
apiBehaves(() => stack)
postsAreDoneOnce(() => stack)
refundsAreAskedFor(() => stack)
eventsAreTold(() => stack)
everyListIsWalked(() => stack)
clientWorks(() => stack)
owaspTopTenHolds(() => stack)
noTokenIsConfused(() => ({ stack, guests }))
fuzzingFindsNothing({ given: () => ({ stack, cast: castOf(stack) }), runs: 8, operations: id => id !== 'reportGuest' })
refusalsAreReached(() => ({ stack, limits, guestToken, guestUid }))
rolloutsAreNotNoticed(() => stack)
itIsSaidThatTheDatabaseIsAway(() => ({ stack, limits, guestToken, guestUid }))
