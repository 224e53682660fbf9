// What is put in the place of a field: of the wrong type, too long, too large, empty, of odd letters.
import type { Operation, Parameter, Schema } from './document.ts'

const numbers = [0, -1, 0.5, 2 ** 53, 1e308]
const texts = [
  ...['', 'x'.repeat(5000), '9'.repeat(300), '\u0000', '\ud800'],
  ...['Zażółć 💥', "'; DROP TABLE players; --"],
]
const others = [null, true, [], {}, Array.from({ length: 100 }, () => 'x')]

export interface Mutation {
  /** The name that a fault has to point to. */
  name: string
  /** `undefined` leaves the field out. */
  value: unknown
  /** Whether the document takes that. */
  isPermitted: boolean
}

type Permits = (schema: Schema, value: unknown) => boolean

/** Each field of a body, in turn as each of these, and one that nobody knows. */
export function bodyMutations(body: Schema, permits: Permits): Mutation[] {
  const { properties = {}, required = [] } = body
  const changed = Object.entries(properties).flatMap(([name, schema]) => [
    ...[...numbers, ...texts, ...others].map(value => ({ name, value, isPermitted: permits(schema, value) })),
    { name, value: undefined, isPermitted: !required.includes(name) },
  ])
  return [...changed, { name: 'playerId', value: 'x', isPermitted: false }]
}

/** Each parameter, as text, as which it is sent. */
export function parameterMutations(
  { parameters }: Operation,
  permits: Permits,
): (Mutation & { value: string | undefined })[] {
  return parameters
    .filter(({ name }) => name !== 'idempotency-key')
    .flatMap(parameter => [
      ...[...numbers.map(String), ...texts]
        .filter(value => isSendable(parameter, value))
        .map(value => ({
          name: parameter.name,
          value,
          isPermitted: permits(parameter.schema, typed(parameter, value)),
        })),
      ...(parameter.required && parameter.in === 'query'
        ? [{ name: parameter.name, value: undefined, isPermitted: false }]
        : []),
    ])
}

function typed({ schema }: Parameter, value: string): unknown {
  return schema.type === 'integer' ? Number(value) : value
}

/** A path has no empty segment, a header only ASCII without spaces; and neither has halves of letters. */
function isSendable(parameter: Parameter, value: string): boolean {
  if (!value.isWellFormed()) return false
  if (parameter.in === 'path') return value !== ''
  if (parameter.in === 'header') return /^[!-~]+$/.test(value)
  return true
}
