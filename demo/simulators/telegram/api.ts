// The Bot API over HTTP: token, faults, the method, the answer's envelope, the log.
import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { append, nextSeq } from '../history.ts'
import { BotApiError, refuse } from './errors.ts'
import { faultAnswer, takeFault } from './faults.ts'
import { findMethod, type Services } from './methods.ts'
import { isObject, type Parameters, readParameters } from './parameters.ts'
import type { Fault, State } from './state.ts'

type Bindings = { Bindings: HttpBindings }

/** Bytes of a body; Telegram takes more only for files. */
const BODY_LIMIT = 1_000_000

export function botApi(services: Services): Hono<Bindings> {
  const { state, clock } = services.world
  const app = new Hono<Bindings>()

  app.all('/:bot{bot[^/]+}/:method', async context => {
    const method = context.req.param('method')
    const token = context.req.param('bot').slice('bot'.length)
    let chatId: string | undefined
    let fault: Fault | undefined
    let answer: Answer
    try {
      if (token !== state.bot.token) throw refuse('Unauthorized')
      const parameters = await parametersOf(context)
      chatId = isObject(parameters) && parameters.chat_id !== undefined ? String(parameters.chat_id) : undefined
      fault = takeFault(state, method)
      if (fault) await clock.sleep(fault.delaySeconds * 1000)
      const injected = fault && faultAnswer(fault)
      if (injected) throw injected
      answer = await run(services, method, parameters)
    } catch (error) {
      if (!(error instanceof BotApiError)) throw error
      answer = refusal(error)
    }
    log(state, { method, answer, chatId, fault, time: clock.now().toISOString() })
    services.delivery.kick()
    if (fault?.loseReply) context.env.outgoing.destroy()
    return context.json(answer.body, answer.status)
  })
  return app
}

interface Answer {
  status: ContentfulStatusCode
  body: Record<string, unknown>
  description?: string
}

async function parametersOf(context: Context<Bindings>): Promise<Parameters> {
  if (Number(context.req.header('content-length') ?? 0) > BODY_LIMIT) {
    throw new BotApiError(413, 'Request Entity Too Large')
  }
  return await readParameters(context.req.raw)
}

async function run(services: Services, name: string, parameters: Parameters): Promise<Answer> {
  const method = findMethod(name)
  if (method === undefined) throw refuse('UnknownMethod')
  const result = await method(services, parameters)
  const described = isObject(result) && result.result === true && typeof result.description === 'string'
  return { status: 200, body: described ? { ok: true, ...result } : { ok: true, result } }
}

function refusal(error: BotApiError): Answer {
  const parameters = error.retryAfter === undefined ? {} : { parameters: { retry_after: error.retryAfter } }
  const body = { ok: false, error_code: error.status, description: error.message, ...parameters }
  // A status comes from our table or from an injected fault, which the control API keeps within 400 to 599.
  return { status: error.status as ContentfulStatusCode, body, description: error.message }
}

function log(
  state: State,
  given: { method: string; answer: Answer; chatId: string | undefined; fault: Fault | undefined; time: string },
): void {
  const { method, answer, chatId, fault, time } = given
  append(state.calls, {
    seq: nextSeq(state),
    time,
    method,
    status: answer.status,
    ...(answer.description !== undefined && { description: answer.description }),
    ...(chatId !== undefined && { chat_id: chatId }),
    ...(fault && { fault: fault.id }),
  })
}
