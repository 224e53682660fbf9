// The npm client `razorpay`, with its faults fenced: it has no timeout and one fixed address, rejects with plain objects,
// and with a TypeError when no answer came at all. Here every call ends in a parsed reply or in a `PaymentError` that
// tells "they said no" from "nothing was sent" from "nobody knows".
import Razorpay from 'razorpay'
import { z } from 'zod'
import { PaymentError } from './errors.ts'

export interface RazorpaySettings {
  keyId: string
  keySecret: string
  baseUrl: string
  /** Seconds for a whole call. Default 10. */
  timeoutSeconds?: number
}

const TIMEOUT_SECONDS = 10

/** The HTTP instance inside the client; undocumented, and the only place where address and timeout can be set. */
interface HttpInstance {
  defaults: { baseURL: string; timeout: number }
  interceptors: { response: { use(fulfilled: undefined, rejected: (error: unknown) => never): unknown } }
  post(path: string, body: object, options: { headers: Record<string, string> }): Promise<{ data: unknown }>
}

export interface RazorpayClient {
  /** Its calls go through `call`. */
  sdk: Razorpay
  /** A call with headers of its own, which the package would drop. Goes through `call`, too. */
  post(path: string, body: object, headers: Record<string, string>): Promise<unknown>
}

export function connectRazorpay(settings: RazorpaySettings): RazorpayClient {
  const { keyId, keySecret, baseUrl, timeoutSeconds = TIMEOUT_SECONDS } = settings
  const sdk = new Razorpay({ key_id: keyId, key_secret: keySecret })
  const http = httpOf(sdk)
  http.defaults.baseURL = baseUrl
  http.defaults.timeout = timeoutSeconds * 1000
  // Runs before the client's own handler, which reads the status of a response that may not be there.
  http.interceptors.response.use(undefined, withResponse)
  return {
    sdk,
    async post(path, body, headers) {
      const reply = await http.post(path, body, { headers }).catch((error: unknown) => {
        throw rejectionOf(error)
      })
      return reply.data
    },
  }
}

/** Makes one call and parses its reply. Throws `PaymentError` only. */
export async function call<Schema extends z.ZodType>(
  schema: Schema,
  ask: () => Promise<unknown>,
): Promise<z.infer<Schema>> {
  let reply: unknown
  try {
    reply = await ask()
  } catch (error) {
    throw paymentErrorOf(error)
  }
  const parsed = schema.safeParse(reply)
  // A proxy's page with status 200, or a change of theirs: what it says of the outcome cannot be known.
  if (!parsed.success) throw new PaymentError('GatewayOutcomeUnknown', { cause: parsed.error })
  return parsed.data
}

const answeredSchema = z.looseObject({
  response: z.looseObject({
    status: z.number(),
    data: z.looseObject({ error: z.unknown() }).catch({ error: undefined }),
  }),
})

/** As the package rejects; an answer is always there, see `withResponse`. */
function rejectionOf(error: unknown): unknown {
  const answered = answeredSchema.safeParse(error)
  if (!answered.success) return error
  const { status: statusCode, data } = answered.data.response
  return { statusCode, error: data.error }
}

const failureSchema = z.object({
  statusCode: z.coerce.number(),
  error: z.object({ code: z.string().optional(), description: z.string().optional() }).optional().catch(undefined),
})

/** Codes of the operating system that say: the request never left. */
const NOT_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']

/** What the client rejected with, in our words. */
export function paymentErrorOf(failure: unknown): PaymentError {
  const parsed = failureSchema.safeParse(failure)
  if (!parsed.success) return new PaymentError('GatewayOutcomeUnknown', { cause: failure })
  const { statusCode: status, error } = parsed.data
  const detail = error?.description
  const options = { status, cause: failure, ...(detail === undefined ? {} : { detail: detail.slice(0, 300) }) }
  if (status === 0) {
    const isSent = error?.code === undefined || !NOT_SENT.includes(error.code)
    return new PaymentError(isSent ? 'GatewayOutcomeUnknown' : 'GatewayUnavailable', { cause: failure })
  }
  // Given up waiting for us, or for another of the same idempotency key: it may have been done.
  if (status === 408 || status === 409) return new PaymentError('GatewayOutcomeUnknown', options)
  if (status === 429) return new PaymentError('GatewayUnavailable', options)
  if (status >= 400 && status < 500) return new PaymentError('GatewayRefused', options)
  return new PaymentError('GatewayOutcomeUnknown', options)
}

const httpErrorSchema = z.looseObject({ response: z.unknown().optional(), code: z.string().optional() })

/** Gives an error without a response one with status 0, which keeps the operating system's code on its way through. */
function withResponse(error: unknown): never {
  const { response, code } = httpErrorSchema.catch({}).parse(error)
  if (response !== undefined && response !== null) throw error
  throw Object.assign(new Error('No answer came.', { cause: error }), {
    response: { status: 0, data: { error: { ...(code === undefined ? {} : { code }) } } },
  })
}

function httpOf({ api }: Razorpay): HttpInstance {
  const rq: unknown = 'rq' in api ? api.rq : undefined
  if (!isHttpInstance(rq))
    throw new TypeError('This version of the razorpay package keeps its HTTP instance elsewhere.')
  return rq
}

function isHttpInstance(value: unknown): value is HttpInstance {
  return typeof value === 'function' && 'defaults' in value && 'interceptors' in value && 'post' in value
}
