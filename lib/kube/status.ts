// From what the server or the connection says to a `KubeError`.
import type { Dispatcher } from 'undici'
import { KubeError, type KubeErrorCause, type KubeErrorCode } from './errors.ts'

/** No answer came. The caller's own abort is handed through as it is. */
export function failure(doing: string, cause: unknown, signal: AbortSignal | undefined): unknown {
  if (cause instanceof KubeError) return cause
  if (signal?.aborted) return signal.reason
  const code = codeOfFailure(cause)
  const said = cause instanceof Error ? cause.message || code : String(cause)
  return new KubeError(code, `${doing}: ${said}`, { cause })
}

const UNREACHABLE = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']
const TIMED_OUT = ['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']

function codeOfFailure(cause: unknown): KubeErrorCode {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (UNREACHABLE.includes(code) || /CERT|TLS|SSL|SIGNED/.test(code)) return 'Unreachable'
  if (TIMED_OUT.includes(code)) return 'Timeout'
  return 'Disconnected'
}

/** The server said no. */
export function refusal(doing: string, answer: Dispatcher.ResponseData, text: string): KubeError {
  const status = statusOf(text)
  const retryAfter = Number(answer.headers['retry-after'] ?? Number.NaN)
  return errorOfStatus(doing, status ?? { message: text.trim().slice(0, 200) }, {
    httpStatus: answer.statusCode,
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
  })
}

/** https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Status, as far as we read it. */
interface Status {
  message?: string
  reason?: string
  code?: number
  details?: { name?: string; causes?: KubeErrorCause[]; retryAfterSeconds?: number }
}

function statusOf(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isStatus(value) ? value : undefined
  } catch {
    return undefined // Proxies and the server's own mux answer in plain text.
  }
}

export function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status'
}

const codesByReason: Partial<Record<string, KubeErrorCode>> = {
  AlreadyExists: 'AlreadyExists',
  Conflict: 'Conflict',
  Expired: 'Gone',
  Gone: 'Gone',
  Invalid: 'Invalid',
  ServerTimeout: 'Timeout',
  Timeout: 'Timeout',
  TooManyRequests: 'TooManyRequests',
}
const codesByStatus: Partial<Record<number, KubeErrorCode>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
  504: 'Timeout',
}

export function errorOfStatus(
  doing: string,
  status: Status,
  http: { httpStatus?: number | undefined; retryAfterSeconds?: number | undefined } = {},
): KubeError {
  const { message = 'no reason given', reason, details } = status
  const httpStatus = http.httpStatus ?? status.code
  const retryAfterSeconds = http.retryAfterSeconds ?? details?.retryAfterSeconds
  return new KubeError(codeOf(status, httpStatus), `${doing}: ${message}`, {
    ...(httpStatus === undefined ? {} : { status: httpStatus }),
    ...(reason === undefined ? {} : { reason }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(details?.causes === undefined ? {} : { causes: details.causes }),
  })
}

function codeOf({ reason, details }: Status, httpStatus: number | undefined): KubeErrorCode {
  // Without a name it is the kind that the server does not know: never to be taken for an absent object.
  if (httpStatus === 404) return details?.name === undefined ? 'UnknownKind' : 'NotFound'
  // A UID in a patch is a precondition, but the server words its failure as an attempt to change it.
  if (details?.causes?.some(cause => cause.field === 'metadata.uid')) return 'Conflict'
  const byReason = reason === undefined ? undefined : codesByReason[reason]
  const byStatus = httpStatus === undefined ? undefined : codesByStatus[httpStatus]
  return byReason ?? byStatus ?? ((httpStatus ?? 0) >= 500 ? 'ServerError' : 'Unexpected')
}
