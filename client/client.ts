// The API's client: typed from the routes themselves (nothing is generated, nothing can lag behind), with what every caller
// needs besides: tokens that renew themselves, and refusals as one kind of error.
//
//     import { connect } from 'wasd-cloud/client'
//
// client/example.ts shows it at work.
import { hc } from 'hono/client'
import { z } from 'zod'
import type { ApiRoutes } from '../api/http/application.ts'

const tokensSchema = z.object({ accessToken: z.string(), refreshToken: z.string() })
export type Tokens = z.infer<typeof tokensSchema>

/** RFC 9457, as /openapi.json describes it. */
const problemSchema = z.object({
  code: z.string(),
  detail: z.string(),
  status: z.number(),
  faults: z.array(z.object({ at: z.string(), message: z.string() })).default([]),
  funds: z.object({ neededPaise: z.number(), availablePaise: z.number() }).optional(),
})

export interface ConnectOptions {
  /** Such as https://play.example.com, without a path. */
  baseUrl: string
  /** Without any, only what needs no player can be asked. */
  tokens?: Tokens
  /** Told of each new pair, before it is used: keep it, the old one is spent. */
  onTokens?(tokens: Tokens): void | Promise<void>
}

/** What the API refuses. `code` never changes; the message says what to do. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly code: string
  readonly status: number
  readonly faults: readonly { at: string; message: string }[]
  /** Where the money does not suffice: what it takes, and what is there for it. */
  readonly funds: { neededPaise: number; availablePaise: number } | undefined

  constructor({ code, detail, status, faults, funds }: z.infer<typeof problemSchema>) {
    super(detail)
    this.code = code
    this.status = status
    this.faults = faults
    this.funds = funds
  }
}

/**
 * Every call throws `ApiProblem` when it is refused, and what `fetch` throws when no answer came. Then repeat it with the
 * same Idempotency-Key: it is done once.
 */
export function connect({ baseUrl, tokens, onTokens }: ConnectOptions) {
  let current = tokens
  let renewing: Promise<Tokens> | undefined

  async function send(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const first = await fetch(input, authorized(init, current))
    if (!current || (await codeOf(first)) !== 'Unauthenticated') return await checked(first)
    // One exchange for all that find the token expired at once: a refresh token is good once.
    renewing ??= renew(current).finally(() => {
      renewing = undefined
    })
    current = await renewing
    return await checked(await fetch(input, authorized(init, current)))
  }

  async function renew({ refreshToken }: Tokens): Promise<Tokens> {
    const reply = await fetch(`${baseUrl}/v1/sign-in/refresh`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() },
      body: JSON.stringify({ refreshToken }),
    })
    const next = tokensSchema.parse(await (await checked(reply)).json())
    await onTokens?.(next)
    return next
  }

  return hc<ApiRoutes>(baseUrl, { fetch: send })
}

/** For the header of a POST: keep it until the reply is there. */
export function newKey(): { 'idempotency-key': string } {
  return { 'idempotency-key': crypto.randomUUID() }
}

export type Client = ReturnType<typeof connect>

function authorized(init: RequestInit = {}, tokens?: Tokens): RequestInit {
  const headers = new Headers(init.headers)
  if (tokens) headers.set('Authorization', `Bearer ${tokens.accessToken}`)
  return { ...init, headers }
}

async function codeOf(reply: Response): Promise<string | undefined> {
  if (reply.ok) return undefined
  return problemSchema.safeParse(
    await reply
      .clone()
      .json()
      .catch(() => undefined),
  ).data?.code
}

async function checked(reply: Response): Promise<Response> {
  if (reply.ok) return reply
  const text = await reply.text()
  const isProblem = reply.headers.get('Content-Type')?.startsWith('application/problem+json') ?? false
  // A balancer in between answers in its own way.
  const problem = isProblem
    ? JSON.parse(text)
    : { code: 'Unexpected', detail: text.slice(0, 1000), status: reply.status }
  throw new ApiProblem(problemSchema.parse(problem))
}
