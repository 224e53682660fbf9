// Requests made from the document: what fits the schema, what nearly does, and what never could.
import fc from 'fast-check'
import type { Right } from './cast.ts'
import type { ApiDocument, Operation, Parameter, Schema } from './document.ts'

export interface MadeRequest {
  path: string
  headers: Record<string, string>
  body: string | undefined
  /** False when something in it cannot fit the document. */
  isFitting: boolean
}

/** Made of a request that is right, of which it takes what it does not change. */
export type Making = (right: Right) => MadeRequest

type Resolve = ApiDocument['resolve']

/** Values that fit the schema. */
export function fitting(given: Schema, resolve: Resolve): fc.Arbitrary<unknown> {
  const schema = resolve(given)
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const [alternative, ...alternatives] = schema.anyOf ?? []
  if (alternative) return fc.oneof(...[alternative, ...alternatives].map(each => fitting(each, resolve)))
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'object':
      return object(schema, resolve)
    case 'array': {
      const { items = {}, minItems = 0, maxItems = 5 } = schema
      return fc.array(fitting(items, resolve), { minLength: minItems, maxLength: maxItems })
    }
    case 'integer':
    case 'number': {
      const { minimum = -(2 ** 31), maximum = 2 ** 31, multipleOf = 1 } = schema
      const steps = { min: Math.ceil(minimum / multipleOf), max: Math.floor(maximum / multipleOf) }
      return fc.integer(steps).map(step => step * multipleOf)
    }
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'string':
      return text(schema)
    default:
      return fc.jsonValue()
  }
}

function text({ pattern, format, minLength = 0, maxLength = 200 }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') {
    const bounds = { min: new Date('2020-01-01'), max: new Date('2035-01-01'), noInvalidDate: true }
    return fc.date(bounds).map(date => date.toISOString())
  }
  // `u`: as JSON schema reads patterns, and so that \w and \d are ASCII.
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern, 'u'))
  return fc.string({ minLength, maxLength: Math.min(maxLength, 300), unit: 'binary' })
}

function object({ properties = {}, required = [] }: Schema, resolve: Resolve): fc.Arbitrary<unknown> {
  const parts = Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, fitting(each, resolve)]))
  return fc.record(parts, { requiredKeys: required.filter(name => name in parts) })
}

/** Anything at all: of the wrong type, too long, too large, of odd bytes. */
const anything = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.constantFrom(null, -1, 0, 1e308, 2 ** 53, '', '\u0000', '💥', "'; DROP TABLE players; --", '../../etc/passwd'),
  fc.constantFrom('http://169.254.169.254/', '{{7*7}}', '%00', 'true', [], {}, [[]], '9'.repeat(300)),
)

/** A request to the operation: fitting, or with one thing in it that may not be. */
export function requestTo(operation: Operation, { resolve }: Pick<ApiDocument, 'resolve'>): fc.Arbitrary<Making> {
  const fits = fc.record({ given: parametersOf(operation.parameters, resolve), body: bodyOf(operation, resolve) }).map(
    ({ given, body }): Making =>
      right =>
        assembled(operation, right, { given, body: body(right) }),
  )
  return fc.oneof({ weight: 2, arbitrary: fits }, { weight: 3, arbitrary: spoiled(operation, resolve, fits) })
}

/** What the right request has there: no text. */
const OWN = { is: 'Own' } as const
type Given = readonly { parameter: Parameter; value: string | typeof OWN | undefined }[]
type BodyOf = (right: Right) => string | undefined

function parametersOf(parameters: readonly Parameter[], resolve: Resolve): fc.Arbitrary<Given> {
  return fc.tuple(
    ...parameters.map(parameter => {
      const value = fitting(parameter.schema, resolve).map(String)
      const given = parameter.required ? value : fc.option(value, { nil: undefined })
      const own = { weight: 2, arbitrary: fc.constant(OWN) }
      return fc.oneof(own, { weight: 1, arbitrary: given }).map(each => ({ parameter, value: each }))
    }),
  )
}

/** Some of its fields as the document has them, the others right. */
function bodyOf({ body, bodyRequired }: Operation, resolve: Resolve): fc.Arbitrary<BodyOf> {
  if (body === undefined) return fc.constant(() => undefined)
  const names = Object.keys(resolve(body).properties ?? {})
  const made = fc.tuple(fitting(body, resolve), fc.subarray(names)).map(([value, changed]): BodyOf => {
    const fields = Object.entries(Object(value)).filter(([name]) => changed.includes(name))
    return right => JSON.stringify({ ...right.body, ...Object.fromEntries(fields) })
  })
  return bodyRequired
    ? made
    : fc.oneof(
        made,
        fc.constant<BodyOf>(() => undefined),
      )
}

function assembled(
  operation: Operation,
  right: Right,
  { given, body }: { given: Given; body: string | undefined },
): MadeRequest {
  const query = new URLSearchParams()
  const headers: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' }
  let { path } = operation
  for (const { parameter, value: chosen } of given) {
    const { name } = parameter
    const value = typeof chosen === 'object' ? (right.params?.[name] ?? right.query?.[name]) : chosen
    if (value === undefined) continue
    if (parameter.in === 'path') path = path.replace(`{${name}}`, encodeURIComponent(value))
    if (parameter.in === 'query') query.set(name, value)
    // The caller's: a new one for each request.
    if (parameter.in === 'header' && name !== 'idempotency-key') headers[name] = value
  }
  return { path: query.size > 0 ? `${path}?${query}` : path, headers, body, isFitting: true }
}

/** The request that is right, with these values in the place of its own. `undefined` leaves one out. */
export function rightBut(
  operation: Operation,
  right: Right,
  change: { parameter?: string; value?: string | undefined; body?: unknown } = {},
): MadeRequest {
  const given: Given = operation.parameters.map(parameter => ({
    parameter,
    value: parameter.name === change.parameter ? change.value : OWN,
  }))
  const body = 'body' in change ? change.body : right.body
  const text = body === undefined ? undefined : JSON.stringify(body)
  return assembled(operation, right, { given, body: text })
}

function spoiled(operation: Operation, resolve: Resolve, fits: fc.Arbitrary<Making>): fc.Arbitrary<Making> {
  const ways: fc.Arbitrary<Making>[] = [
    // A field that nobody knows, in the query and in the body.
    fc.tuple(fits, fc.constantFrom('admin', 'playerId', '__proto__', 'url')).map(([make, name]) => right => {
      const request = make(right)
      return {
        ...request,
        path: `${request.path}${request.path.includes('?') ? '&' : '?'}${name}=1`,
        isFitting: !operation.parameters.some(each => each.in === 'query'),
      }
    }),
    fc.tuple(fits, anything).map(
      ([make, value]) =>
        right =>
          withHeader(make(right), value),
    ),
  ]
  for (const parameter of operation.parameters.filter(each => each.in !== 'header')) {
    const others = operation.parameters.filter(each => each !== parameter)
    ways.push(
      fc
        .tuple(parametersOf(others, resolve), anything, bodyOf(operation, resolve))
        .map(([given, value, body]) => right => ({
          ...assembled(operation, right, {
            given: [...given, { parameter, value: pathSafe(value) }],
            body: body(right),
          }),
          isFitting: true, // It may happen to fit: only that it does no harm is asked.
        })),
    )
  }
  if (operation.body !== undefined) ways.push(...spoiledBodies(operation, resolve, fits))
  return fc.oneof(...ways)
}

function spoiledBodies(operation: Operation, resolve: Resolve, fits: fc.Arbitrary<Making>): fc.Arbitrary<Making>[] {
  const { properties = {} } = operation.body === undefined ? {} : resolve(operation.body)
  const json = { 'Content-Type': 'application/json' }
  const sent = (request: MadeRequest, body: string, isFitting: boolean): MadeRequest => ({
    ...request,
    headers: { ...request.headers, ...json },
    body,
    isFitting,
  })
  const ways = [
    fc.tuple(fits, fc.constantFrom('isAdmin', 'playerId', 'chargedPaise', 'callbackUrl'), anything).map(
      ([make, name, extra]): Making =>
        right =>
          sent(make(right), JSON.stringify({ ...right.body, [name]: extra }), false),
    ),
    fc.tuple(fits, fc.string({ unit: 'binary' })).map(
      ([make, odd]): Making =>
        right =>
          sent(make(right), `{"${odd}`, false),
    ),
    fc.tuple(fits, fc.constantFrom('[]', 'null', '1', '"x"')).map(
      ([make, odd]): Making =>
        right =>
          sent(make(right), odd, false),
    ),
  ]
  for (const name of Object.keys(properties)) {
    ways.push(
      fc.tuple(fits, anything).map(
        ([make, odd]): Making =>
          right =>
            sent(make(right), JSON.stringify({ ...right.body, [name]: odd }), true),
      ),
    )
  }
  return ways
}

function withHeader(request: MadeRequest, value: unknown): MadeRequest {
  const printable = (JSON.stringify(value) ?? '').replaceAll(/[^\x20-\x7e]/g, '')
  return { ...request, headers: { ...request.headers, 'X-Forwarded-For': printable, 'Last-Event-ID': printable } }
}

/** An empty segment would be another path. */
function pathSafe(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text === '' || text === '.' || text === '..' ? 'x' : text.toWellFormed()
}
