// What can go wrong between us and the API server, as one class with a code. "They said no" and "no answer came"
// are different codes: after `Unreachable` nothing was done, after `Timeout` or `Disconnected` nobody knows.

/** Why the API server says no; as in https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#StatusReason */
export type KubeErrorCode =
  | 'NotFound'
  /** The server knows no such kind: its CRD is not installed, or not at this version. */
  | 'UnknownKind'
  | 'AlreadyExists'
  /** The object has changed since it was read, or a precondition or another field manager stands against it. */
  | 'Conflict'
  | 'Invalid'
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'TooManyRequests'
  /** The resourceVersion or continue token is too old: list anew. */
  | 'Gone'
  | 'ServerError'
  /** No connection could be made: the request was not sent. */
  | 'Unreachable'
  /** The connection broke after the request was sent: it may have been carried out. */
  | 'Disconnected'
  /** No answer in time, or the server itself ran out of it: it may have been carried out. */
  | 'Timeout'
  /** The answer is no Kubernetes API answer. */
  | 'Malformed'
  /** A write was refused by our own fence: this process does not hold the lease. */
  | 'NotLeading'
  /** Another controller owns the object that we were about to make ours. */
  | 'AlreadyOwned'
  /** Two controllers of one manager bear one name. */
  | 'NameTaken'
  | 'Unexpected'

export interface KubeErrorCause {
  field?: string
  reason?: string
  message?: string
}

export interface KubeErrorFields {
  /** HTTP status, where an answer came. */
  status?: number
  /** The server's own word, such as `Expired` or `FieldManagerConflict`. */
  reason?: string
  /** Seconds the server asks us to wait. */
  retryAfterSeconds?: number
  /** One per field in the wrong, for `Invalid` and `Conflict`. */
  causes?: readonly KubeErrorCause[]
  cause?: unknown
}

export class KubeError extends Error {
  override readonly name = 'KubeError'
  readonly code: KubeErrorCode
  readonly status: number | undefined
  readonly reason: string | undefined
  readonly retryAfterSeconds: number | undefined
  readonly causes: readonly KubeErrorCause[]

  constructor(code: KubeErrorCode, message: string, fields: KubeErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = code
    this.status = fields.status
    this.reason = fields.reason
    this.retryAfterSeconds = fields.retryAfterSeconds
    this.causes = fields.causes ?? []
  }
}

/** Tells a `KubeError` of one of `codes` from everything else that can be caught. */
export function isKubeError(error: unknown, ...codes: KubeErrorCode[]): error is KubeError {
  return error instanceof KubeError && (codes.length === 0 || codes.includes(error.code))
}

/** A reconcile error that trying again will not mend: counted, told in the log, not retried until the object changes. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError'
}
