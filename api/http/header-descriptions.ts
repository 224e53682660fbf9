// What the document says of the headers of replies.

const whole = { type: 'integer', minimum: 0 } as const

/** By name in the document; those that stand in each reply of theirs are required. */
export const HEADERS = {
  'X-Request-Id': {
    description: 'Names the request. Tell it to us when you ask about it.',
    required: true,
    schema: { type: 'string', format: 'uuid' },
  },
  'RateLimit-Limit': { description: 'Requests a minute.', required: true, schema: whole },
  'RateLimit-Remaining': { description: 'How many are left.', required: true, schema: whole },
  'RateLimit-Reset': { description: 'Seconds until it begins anew.', required: true, schema: whole },
  'RateLimit-Policy': {
    description: 'The limit, and its window in seconds.',
    required: true,
    schema: { type: 'string', example: '120;w=60' },
  },
  'Retry-After': {
    description: 'Seconds after which to try again.',
    required: true,
    schema: { type: 'integer', minimum: 1 },
  },
  'Retry-After-In-Flight': {
    description: 'With `IdempotencyInFlight`: seconds after which to ask again.',
    schema: { type: 'integer', minimum: 1 },
  },
  'WWW-Authenticate': {
    description: 'How to say who one is.',
    required: true,
    schema: { type: 'string', const: 'Bearer' },
  },
  'Idempotency-Replayed': {
    description: 'The request was done before under this Idempotency-Key, and is answered again.',
    schema: { type: 'string', const: 'true' },
  },
} as const
type HeaderName = Exclude<keyof typeof HEADERS, 'Retry-After-In-Flight'>

const ALWAYS = [
  ...(['X-Request-Id', 'RateLimit-Limit', 'RateLimit-Remaining'] as const),
  ...(['RateLimit-Reset', 'RateLimit-Policy'] as const),
] satisfies HeaderName[]

/** Of a reply with this status, each by reference. */
export function headersOf({ method, status }: { method: string; status: number }): Record<string, { $ref: string }> {
  const isLater = status === 429 || status === 503
  const isDone = method === 'post' && status < 300
  const names: HeaderName[] = [
    ...ALWAYS,
    ...(status === 401 ? (['WWW-Authenticate'] as const) : []),
    ...(isLater ? (['Retry-After'] as const) : []),
    ...(isDone ? (['Idempotency-Replayed'] as const) : []),
  ]
  const referred = (name: keyof typeof HEADERS) => ({ $ref: `#/components/headers/${name}` })
  return {
    ...Object.fromEntries(names.map(name => [name, referred(name)])),
    ...(method === 'post' && status === 409 ? { 'Retry-After': referred('Retry-After-In-Flight') } : {}),
  }
}
