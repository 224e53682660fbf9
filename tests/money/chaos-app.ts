// A player's app in a time of chaos: it speaks HTTP to whichever replica is there, with a token and an Idempotency-Key, and
// says the same again, with the same key, until it is answered. What a replica has done before it died it must not do twice.
import { z } from 'zod'
import { ApiProblem, type Client, connect, newKey, type Tokens } from '../../client/client.ts'
import type { Control } from '../../demo/evening/control.ts'
import type { Stack } from '../../demo/stack/stack.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { patientFor } from '../until.ts'

/** Milliseconds until somebody who got no answer tries again: twice as many each time, up to the last. */
const AGAIN = { first: 100, last: 2000 }
/** Milliseconds after which an app gives a try up. */
const PATIENCE = 15_000
const until = patientFor(PATIENCE / 1000, { lookMilliseconds: 100 })

const userSchema = z.looseObject({ chat_id: z.number() })
const miniAppSchema = z.looseObject({ init_data: z.string() })

/** The simulator of Telegram, and the doors of the API's replicas. */
export interface Doors {
  telegram: Control
  api: Stack['api']
}

export type App = Awaited<ReturnType<typeof openApp>>

/** Signs a new player in, as the Mini App does. */
export async function openApp({ telegram, api }: Doors, { index }: { index: number }) {
  const user = await telegram.post('/simulator/users', { first_name: `Player ${index}`, language_code: 'en' })
  const { chat_id: chatId } = userSchema.parse(user)
  // Everybody has an address of their own, as a balancer tells it.
  const headers = { 'X-Forwarded-For': `198.18.${index >> 8}.${index & 255}` }
  const options = () => ({ headers, init: { signal: AbortSignal.timeout(PATIENCE) } })
  let tokens: Tokens | undefined
  let tries = index
  const onTokens = (next: Tokens) => {
    tokens = next
  }

  /** Asks until there is an answer: what was asked for, or a refusal that no repetition changes. */
  async function heard<Reply>(ask: (client: Client) => Promise<Reply>): Promise<Reply> {
    for (let pause = AGAIN.first; ; pause = Math.min(pause * 2, AGAIN.last)) {
      tries += 1
      const baseUrl = api[tries % api.length]?.url('http') ?? ''
      try {
        return await ask(connect({ baseUrl, ...(tokens ? { tokens } : {}), onTokens }))
      } catch (error) {
        if (!isWorthRepeating(error)) throw error
        await clock.sleep(pause)
      }
    }
  }

  async function signIn(): Promise<void> {
    tokens = undefined
    for (let spent: string | undefined; ; ) {
      const initData = await until('Telegram has another word', async () => {
        const opened = await telegram.post(`/simulator/chats/${chatId}/mini-app`, {})
        const { init_data: word } = miniAppSchema.parse(opened)
        return word !== spent && word
      })
      const request = { header: newKey(), json: { initData } }
      try {
        tokens = await heard(async ({ v1 }) => await (await v1['sign-in']['mini-app'].$post(request, options())).json())
        return
      } catch (error) {
        // Signed in, and the reply died with its process: Telegram's word is good once, and it says the second it is from.
        if (!(error instanceof ApiProblem) || error.code !== 'MiniAppDataSpent') throw error
        spent = initData
      }
    }
  }

  /** A token lives for some minutes, and its renewal may be what a kill takes: then one signs in anew. */
  async function asked<Reply>(ask: (client: Client) => Promise<Reply>): Promise<Reply> {
    try {
      return await heard(ask)
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 401) throw error
      await signIn()
      return await heard(ask)
    }
  }

  await signIn()
  let sessionId: string | undefined
  const { id: playerId } = await asked(async ({ v1 }) => await (await v1.me.$get({}, options())).json())

  /** What comes when the session is over, or ends, is heard and changes nothing. */
  async function commands(what: 'end' | 'pause' | 'resume'): Promise<void> {
    const request = { header: newKey(), param: { sessionId: sessionId ?? '' }, json: {} }
    try {
      await asked(async ({ v1 }) => await v1.sessions[':sessionId'][what].$post(request, options()))
    } catch (error) {
      if (!(error instanceof ApiProblem && ['SessionOver', 'SessionEnding'].includes(error.code))) throw error
    }
  }

  return {
    playerId,
    commands,
    async starts(json: { game: string; tier: string }): Promise<void> {
      const header = newKey()
      const session = await asked(async ({ v1 }) => await (await v1.sessions.$post({ header, json }, options())).json())
      sessionId = session.id
    },
    /** Orders a top-up, pays it on the gateway's page, and leaves it to the gateway to tell. */
    async topsUp(amountPaise: number): Promise<void> {
      const request = { header: newKey(), json: { amountPaise } }
      const { url } = await asked(async ({ v1 }) => await (await v1['top-ups'].$post(request, options())).json())
      const page = await onwardFrom(url ?? '', headers)
      const paid = await form(page, { fields: { outcome: 'captured' } })
      if (paid.status !== 303) throw new Error(`Razorpay's page answered ${paid.status}: ${await paid.text()}`)
    },
  }
}

/** A 500 is a fault of ours: nobody repeats it here. */
function isWorthRepeating(error: unknown): boolean {
  if (error instanceof ApiProblem)
    return [429, 502, 503, 504].includes(error.status) || error.code === 'IdempotencyInFlight'
  // `fetch` has got no answer, or not the whole of it, and says why; any other TypeError is a mistake, here or in the client.
  const isUnheard = error instanceof TypeError && error.cause !== undefined
  return isUnheard || (error instanceof DOMException && error.name === 'TimeoutError')
}

/** Presses Pay on our page, until it leads on to the gateway's. */
async function onwardFrom(url: string, headers: Record<string, string>): Promise<string> {
  for (;;) {
    const reply = await form(url, { headers }).catch((error: unknown) => {
      if (!isWorthRepeating(error)) throw error
    })
    const onward = reply?.headers.get('Location')
    if (reply?.status === 303 && onward) return onward
    if (reply && reply.status < 500)
      throw new Error(`The top-up's page answered ${reply.status}: ${await reply.text()}`)
    await clock.sleep(AGAIN.last)
  }
}

async function form(
  url: string,
  { headers = {}, fields = {} }: { headers?: Record<string, string>; fields?: Record<string, string> },
): Promise<Response> {
  const signal = AbortSignal.timeout(PATIENCE)
  return await fetch(url, { method: 'POST', headers, body: new URLSearchParams(fields), redirect: 'manual', signal })
}
