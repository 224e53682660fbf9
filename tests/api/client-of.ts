// A player at the API: signed in from the Mini App as people are, with a request in one line.
import { z } from 'zod'
import type { FrontStack } from './front.ts'
import type { Person } from './telegram.ts'

export const tokensSchema = z.object({ accessToken: z.string(), refreshToken: z.string(), accessExpiresAt: z.string() })
export type Tokens = z.infer<typeof tokensSchema>

export interface Asking {
  method?: 'GET' | 'POST' | 'DELETE'
  body?: unknown
  /** A POST gets a new one unless it is given. */
  key?: string
  token?: string | undefined
  headers?: Record<string, string>
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  /** Empty where the reply was no JSON. */
  json: Reply
}

/** What tests read out of replies to go on with; what else is in one is asserted as a whole. */
export const replySchema = z.looseObject({
  id: z.string().optional(),
  code: z.string().optional(),
  detail: z.string().optional(),
  url: z.string().optional(),
  state: z.string().optional(),
  items: z.array(z.looseObject({ id: z.string() })).optional(),
  nextCursor: z.string().optional(),
  attempt: z.string().optional(),
  authorizationUrl: z.string().optional(),
  accessToken: z.string().optional(),
  refreshToken: z.string().optional(),
  firstName: z.string().optional(),
  costPaise: z.number().optional(),
  availablePaise: z.number().optional(),
})
type Reply = z.infer<typeof replySchema>

/** What has to be in a reply. Throws where it is not. */
export function needed<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('The reply lacks what the test goes on with.')
  return value
}

/** One request as anybody could make it. */
export async function ask(baseUrl: string, path: string, asking: Asking = {}): Promise<Answer> {
  const { method = 'GET', body, key, token, headers } = asking
  const reply = await fetch(`${baseUrl}${path}`, {
    method,
    headers: {
      'X-Forwarded-For': '203.0.113.7',
      ...(method === 'POST' ? { 'Idempotency-Key': key ?? crypto.randomUUID() } : {}),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await reply.text()
  const isJson = /json/.test(reply.headers.get('Content-Type') ?? '')
  return { status: reply.status, headers: reply.headers, text, json: isJson ? replySchema.parse(JSON.parse(text)) : {} }
}

export type ApiPlayer = Awaited<ReturnType<typeof signIn>>

/** What a player needs of a stack; without `credit` nobody gets money. */
export type Door = Pick<FrontStack, 'publicUrl' | 'telegram'> & Partial<Pick<FrontStack, 'credit'>>

export async function signIn(stack: Door, firstName: string) {
  const person = await stack.telegram.person(firstName)
  return await signInAs(stack, person)
}

export async function signInAs(stack: Door, person: Person) {
  const initData = await person.opensMiniApp()
  const reply = await ask(stack.publicUrl, '/v1/sign-in/mini-app', { method: 'POST', body: { initData } })
  if (reply.status !== 200) throw new Error(`Signing in was refused: ${reply.text}`)
  const tokens = tokensSchema.parse(reply.json)
  const token = tokens.accessToken
  const asks = (path: string, asking: Asking = {}) => ask(stack.publicUrl, path, { token, ...asking })
  const { id } = z.looseObject({ id: z.string() }).parse((await asks('/v1/me')).json)
  return {
    id,
    person,
    tokens,
    token,
    get: asks,
    post: (path: string, body?: unknown, asking: Asking = {}) => asks(path, { method: 'POST', body, ...asking }),
    delete: (path: string, asking: Asking = {}) => asks(path, { method: 'DELETE', ...asking }),
    /** Puts money into the wallet, as Razorpay's webhook would make it. */
    async isCredited(rupees: number): Promise<void> {
      await needed(stack.credit)(id, BigInt(rupees) * 100n)
    },
  }
}
