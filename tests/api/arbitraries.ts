// Requests made from the document: what fits the schema, what nearly does, and what never could.
import fc from 'fast-check'
import type { ApiDocument, Operation, Parameter, Schema } from './document.ts'

export interface MadeRequest {
  path: string
  headers: Record<string, string>
  body: string | undefined
  /** False when something in it cannot fit the document. */
  isFitting: boolean
}

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
export function requestTo(operation: Operation, { resolve }: Pick<ApiDocument, 'resolve'>): fc.Arbitrary<MadeRequest> {
  const made = fc.record({
    parameters: fc.tuple(...operation.parameters.map(parameter => parameterOf(parameter, resolve))),
    body: operation.body === undefined ? fc.constant(undefined) : fitting(operation.body, resolve),
    isBodySent: operation.bodyRequired ? fc.constant(true) : fc.boolean(),
  })
  const fits = made.map(({ parameters, body, isBodySent }) =>
    assembled(operation, { parameters, body: isBodySent && body !== undefined ? JSON.stringify(body) : undefined }),
  )
  return fc.oneof({ weight: 2, arbitrary: fits }, { weight: 3, arbitrary: spoiled(operation, resolve, fits) })
}

type Given = readonly { parameter: Parameter; value: string | undefined }[]

function parameterOf(parameter: Parameter, resolve: Resolve) {
  const value = fitting(parameter.schema, resolve).map(String)
  return (parameter.required ? value : fc.option(value, { nil: undefined })).map(each => ({ parameter, value: each }))
}

function assembled(
  operation: Operation,
  { parameters, body }: { parameters: Given; body: string | undefined },
): MadeRequest {
  const query = new URLSearchParams()
  const headers: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' }
  let { path } = operation
  for (const { parameter, value } of parameters) {
    if (value === undefined) continue
    if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, encodeURIComponent(value))
    if (parameter.in === 'query') query.set(parameter.name, value)
    // The caller's: a new one for each request.
    if (parameter.in === 'header' && parameter.name !== 'idempotency-key') headers[parameter.name] = value
  }
  return { path: query.size > 0 ? `${path}?${query}` : path, headers, body, isFitting: true }
}

function spoiled(operation: Operation, resolve: Resolve, fits: fc.Arbitrary<MadeRequest>): fc.Arbitrary<MadeRequest> {
  const ways: fc.Arbitrary<MadeRequest>[] = [
    // A field that nobody knows, in the query and in the body.
    fc.tuple(fits, fc.constantFrom('admin', 'playerId', '__proto__', 'url')).map(([request, name]) => ({
      ...request,
      path: `${request.path}${request.path.includes('?') ? '&' : '?'}${name}=1`,
      isFitting: !operation.parameters.some(each => each.in === 'query'),
    })),
    fc.tuple(fits, anything).map(([request, value]) => withHeader(request, value)),
  ]
  for (const parameter of operation.parameters.filter(each => each.in !== 'header')) {
    const others = operation.parameters.filter(each => each !== parameter).map(each => parameterOf(each, resolve))
    ways.push(
      fc.tuple(fc.tuple(...others), anything, fits).map(([given, value, { body }]) => ({
        ...assembled(operation, { parameters: [...given, { parameter, value: pathSafe(value) }], body }),
        isFitting: true, // It may happen to fit: only that it does no harm is asked.
      })),
    )
  }
  if (operation.body !== undefined) ways.push(...spoiledBodies(operation.body, resolve, fits))
  return fc.oneof(...ways)
}

function spoiledBodies(body: Schema, resolve: Resolve, fits: fc.Arbitrary<MadeRequest>): fc.Arbitrary<MadeRequest>[] {
  const { properties = {} } = resolve(body)
  const json = { 'Content-Type': 'application/json' }
  const sent = (request: MadeRequest, text: string, isFitting: boolean): MadeRequest => ({
    ...request,
    headers: { ...request.headers, ...json },
    body: text,
    isFitting,
  })
  const ways = [
    fc
      .tuple(
        fits,
        fitting(body, resolve),
        fc.constantFrom('isAdmin', 'playerId', 'chargedPaise', 'callbackUrl'),
        anything,
      )
      .map(([request, value, name, extra]) =>
        sent(request, JSON.stringify({ ...Object(value), [name]: extra }), false),
      ),
    fc.tuple(fits, fc.string({ unit: 'binary' })).map(([request, text]) => sent(request, `{"${text}`, false)),
    fc.tuple(fits, fc.constantFrom('[]', 'null', '1', '"x"')).map(([request, text]) => sent(request, text, false)),
  ]
  for (const name of Object.keys(properties)) {
    ways.push(
      fc
        .tuple(fits, fitting(body, resolve), anything)
        .map(([request, value, odd]) => sent(request, JSON.stringify({ ...Object(value), [name]: odd }), true)),
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
