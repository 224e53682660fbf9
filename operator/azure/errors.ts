// What Azure says no with, as one class. The code is ARM's own word wherever there is one, because that is what an
// SRE looks up; ours are only for what has none: no answer, and credentials that were never accepted.
import { RestError } from '@azure/core-rest-pipeline'
import { z } from 'zod'

/** Codes of ours, for failures that carry no ARM code. */
export const UNREACHABLE = 'AzureUnreachable'
export const UNAUTHENTICATED = 'AzureCredentialsRefused'
/** Entra's endpoints for the tenant were not to be had: MSAL does not tell a wrong tenant from an Entra out of reach. */
export const TENANT_UNRESOLVED = 'AzureTenantUnresolved'
export const THROTTLED = 'TooManyRequests'
/** Not sent: our own budget of requests is spent for the moment. */
export const BUDGET_SPENT = 'RequestBudgetSpent'
/** A long-running operation failed and its text names no code. */
export const OPERATION_FAILED = 'OperationFailed'

export interface AzureErrorFields {
  /** HTTP status; absent when no answer came, or when a long-running operation failed late. */
  status?: number | undefined
  /** Azure's Retry-After. */
  retryAfterSeconds?: number | undefined
  cause?: unknown
}

export class AzureError extends Error {
  override readonly name = 'AzureError'
  readonly code: string
  readonly status: number | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(code: string, message: string, fields: AzureErrorFields = {}) {
    super(onOneLine(message), { cause: fields.cause })
    this.code = code
    this.status = fields.status
    this.retryAfterSeconds = fields.retryAfterSeconds
  }
}

/** A condition's reason is one word; Azure's codes are, but nobody promised it. */
export function reasonOf(code: string): string {
  return /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(code) ? code : 'AzureError'
}

/** Azure breaks its longer messages into lists; whoever reads a condition or an event of kubectl's has one line for it. */
function onOneLine(message: string): string {
  return message
    .replaceAll(/:\s*\n\s*- /g, ': ')
    .replaceAll(/\s*\n\s*- /g, ', ')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim()
}

/** Turns whatever the SDKs throw into an `AzureError`; an abort passes through as it is. */
export function toAzureError(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || thrown instanceof AzureError || thrown.name === 'AbortError') return thrown
  if (thrown instanceof RestError) return fromRestError(thrown)
  if (
    /^(AuthenticationError|AggregateAuthenticationError|CredentialUnavailableError|AuthenticationRequiredError)$/.test(
      thrown.name,
    )
  ) {
    return fromCredentialError(thrown)
  }
  return fromFailedOperation(thrown) ?? thrown
}

/** Codes that say no more than that something further in went wrong. */
const wrappers = ['ResourceOperationFailure', 'ResourceDeploymentFailure', 'DeploymentFailed', 'MultipleErrorsOccurred']

const replyBody = z.object({
  error: z.object({ details: z.array(z.object({ code: z.string(), message: z.string().nullish() })).min(1) }),
})

function fromRestError(error: RestError): AzureError {
  if (error.statusCode === undefined) {
    return new AzureError(UNREACHABLE, `Azure did not answer: ${error.message}`, { cause: error })
  }
  if (wrappers.includes(error.code ?? '')) return fromDetail(error)
  // Not a number when it is absent or a date; 0 means at once.
  const retryAfter = Number(error.response?.headers.get('retry-after') ?? Number.NaN)
  const code = error.statusCode === 429 ? (error.code ?? THROTTLED) : (error.code ?? `Http${error.statusCode}`)
  return new AzureError(code, firstSentence(error.message), {
    status: error.statusCode,
    retryAfterSeconds: retryAfter >= 0 ? retryAfter : undefined,
    cause: error,
  })
}

/** What is wrapped, where the reply tells; the SDK keeps no more of it than the text. */
function fromDetail(error: RestError): AzureError {
  const fields = { status: error.statusCode, cause: error }
  const [detail] = detailsIn(error.response?.bodyAsText ?? '')
  const message = firstSentence(error.message)
  if (detail === undefined) return new AzureError(error.code ?? '', message, fields)
  return new AzureError(detail.code, detail.message ?? message, fields)
}

function detailsIn(text: string): { code: string; message?: string | null | undefined }[] {
  try {
    return replyBody.safeParse(JSON.parse(text)).data?.error.details ?? []
  } catch {
    return [] // No JSON: whatever stood between us and Azure has answered.
  }
}

/** Entra refused us, or could not be reached: the second mends itself, so the two must not be mixed up. */
function fromCredentialError(error: Error): AzureError {
  if (/endpoints_resolution_error|openid_config_error/.test(error.message)) {
    const message =
      "Entra gives no endpoints for the tenant. Check azure.tenantId in the chart's values, and whether Entra can be reached."
    return new AzureError(TENANT_UNRESOLVED, message, { cause: error })
  }
  const status = statusOf(error) ?? statusOf(error.cause)
  const refused = status !== undefined && status < 500
  return refused
    ? new AzureError(UNAUTHENTICATED, firstSentence(error.message), { status, cause: error })
    : new AzureError(UNREACHABLE, `Entra did not answer: ${firstSentence(error.message)}`, { status, cause: error })
}

/** The identity library wraps MSAL's errors, which alone say what Entra answered: as `status`, not as `statusCode`. */
function statusOf(error: unknown): number | undefined {
  const isNumber = (value: unknown) => typeof value === 'number'
  if (typeof error !== 'object' || error === null) return undefined
  if ('statusCode' in error && isNumber(error.statusCode)) return error.statusCode
  return 'status' in error && isNumber(error.status) ? error.status : undefined
}

/**
 * A failed long-running operation surfaces as a plain Error whose text is
 * "The long-running operation has failed. CODE. MESSAGE" (`@azure/core-lro`, poller/operation.ts).
 */
function fromFailedOperation(error: Error): AzureError | undefined {
  const match = /^The long-running operation has (?:failed|been canceled)\.?\s*(?:([A-Za-z]\w*)\.)?\s*([\s\S]*)$/.exec(
    error.message,
  )
  if (!match) return undefined
  const [, code = OPERATION_FAILED, message = ''] = match
  return new AzureError(code, message || error.message, { cause: error })
}

/** RestErrors append the whole reply to their message; a person needs its first line. */
function firstSentence(message: string): string {
  return (message.split('\n')[0] ?? message).slice(0, 1000)
}
