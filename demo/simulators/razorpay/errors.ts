// Razorpay's refusals, in the words of its API reference (razorpay.com/docs/api, "Errors" under each call).

/** Answered as `{error: {code, description, source, step, reason, metadata, field?}}`. */
export class RazorpayError extends Error {
  readonly status: number
  readonly code: 'BAD_REQUEST_ERROR' | 'SERVER_ERROR' | 'GATEWAY_ERROR'
  readonly reason: string
  readonly field: string | undefined

  constructor(given: {
    status: number
    code: RazorpayError['code']
    description: string
    reason?: string
    field?: string | undefined
  }) {
    super(given.description)
    this.status = given.status
    this.code = given.code
    this.reason = given.reason ?? 'NA'
    this.field = given.field
  }

  body(): Record<string, unknown> {
    const validation = this.reason === 'input_validation_failed'
    return {
      error: {
        code: this.code,
        description: this.message,
        source: validation ? 'business' : 'NA',
        step: validation ? 'payment_initiation' : 'NA',
        reason: this.reason,
        metadata: {},
        ...(this.field !== undefined && { field: this.field }),
      },
    }
  }
}

const refusals = {
  NoCredentials: [401, 'Please provide your api key for authentication purposes.'],
  WrongCredentials: [401, 'Authentication failed'],
  UnknownUrl: [400, 'The requested URL was not found on the server.'],
  UnknownId: [400, 'The id provided does not exist'],
  ReferenceTaken: [400, 'payment link creation with reference ID already attempted'],
  ReceiptTaken: [400, 'Order receipt should be unique.'],
  LinkPaid: [400, 'cannot cancel or expire an already paid/partially paid link'],
  LinkOver: [400, 'cannot cancel or expire an expired link'],
  LinkNotEditable: [400, 'the payment link can be updated in created state only'],
  AlreadyCaptured: [400, 'This payment has already been captured'],
  NotAuthorized: [400, 'Only payments which have been authorized and not yet captured can be captured'],
  CaptureAmount: [400, 'Capture amount must be equal to the amount authorized'],
  NotCaptured: [400, 'Only captured payments can be refunded'],
  RefundTooHigh: [400, 'The refund amount provided is greater than amount captured.'],
  FullyRefunded: [400, 'The payment has been fully refunded already.'],
  KeyTooShort: [400, 'The idempotency key must be at least 10 characters long.'],
  KeyMalformed: [400, 'The idempotency key must only contain alphanumeric characters, underscores, and hyphens'],
  KeyReused: [409, 'Different request with the same idempotency key has already been processed.'],
} as const satisfies Record<string, readonly [number, string]>

export function refuse(code: keyof typeof refusals): RazorpayError {
  const [status, description] = refusals[code]
  return new RazorpayError({ status, code: 'BAD_REQUEST_ERROR', description })
}

/** A field that is missing or wrong. */
export function invalid(field: string, description: string): RazorpayError {
  return new RazorpayError({
    status: 400,
    code: 'BAD_REQUEST_ERROR',
    description,
    reason: 'input_validation_failed',
    field,
  })
}
