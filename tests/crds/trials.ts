// Makes, from each bound of a schema, the values on both sides of it.
import { examples, items } from './examples.ts'
import { placeRules, valueRules } from './rules.ts'
import { type Field, valueAt, type Way, withValue } from './schema.ts'

export interface Trial {
  kind: Field['kind']
  /** What is tried, in words. */
  name: string
  /** Made first, for a rule about a change. */
  before?: object | undefined
  object: object
  /** Where a status is told, not a spec. */
  isStatus: boolean
  /** Absent: it has to be accepted. Else what the refusal must say, all of it. */
  refusal?: string[]
}

interface Try {
  value: unknown
  refusal?: string[]
}

type Attempt = (field: Field, bound: never) => Try[]

/** Keywords that bound nothing, or are tried with another. */
const unbounded = ['description', 'default', 'properties', 'items', 'x-kubernetes-list-map-keys']

/**
 * Each keyword that bounds, with values on both sides. Kubernetes names a list by its length and a value of the wrong
 * type by its type. A text that is too long it does not repeat: so in a spec a rule refuses it, which does; in a status,
 * where only programs write, the path and what is permitted have to do.
 */
const bounds: Record<string, Attempt> = {
  type: ({ path, schema, way }, type: string) =>
    way.length === 0
      ? [] // Without being an object it has no kind to be refused by.
      : [
          {
            value: schema.type === 'string' ? 7 : 'seven',
            refusal: [
              `${path}: Invalid value: `,
              `must be of type ${schema.format === 'date-time' ? schema.format : type}`,
            ],
          },
        ],
  required: ({ kind, path, way }, names: string[]) => {
    const whole = valueAt(examples[kind], way)
    return names.map(name => ({
      value: without(whole, name),
      refusal: [`${path === '' ? '' : `${path}.`}${name}: Required value`],
    }))
  },
  enum: ({ path }, values: unknown[]) => [
    ...values.map(value => ({ value })),
    ...[typeof values[0] === 'string' ? 'Nonsense' : 31].map(value => ({
      value,
      refusal: [
        `${path}: Unsupported value: ${JSON.stringify(value)}: supported values: ${values.map(each => JSON.stringify(String(each))).join(', ')}`,
      ],
    })),
  ],
  minimum: ({ path }, least: number) => [
    { value: least },
    {
      value: least - 1,
      refusal: [`${path}: Invalid value: ${least - 1}: `, ` in body should be greater than or equal to ${least}`],
    },
  ],
  maximum: ({ path }, most: number) => [
    { value: most },
    {
      value: most + 1,
      refusal: [`${path}: Invalid value: ${most + 1}: `, ` in body should be less than or equal to ${most}`],
    },
  ],
  minLength: ({ path }, least: number) => [
    { value: 'a'.repeat(least) },
    {
      value: 'a'.repeat(least - 1),
      refusal: [
        `${path}: Invalid value: "${'a'.repeat(least - 1)}": `,
        ` in body should be at least ${least} chars long`,
      ],
    },
  ],
  maxLength: (field, most: number) => {
    const tooLong = [`${field.path}: Too long: may not be more than ${most} bytes`]
    if (field.way[0] === 'status') {
      const value = String(valueAt(examples[field.kind], field.way)).padEnd(most, 'a')
      return [{ value }, { value: `${value}a`, refusal: tooLong }]
    }
    const rule = (field.schema['x-kubernetes-validations'] ?? [])
      .map(({ rule }) => valueRules[rule])
      .find(rule => rule?.longest !== undefined && rule.longest < most)
    if (!rule) throw new Error(`No rule of ${field.path} refuses what is too long, so its refusal names no value.`)
    const value = 'a'.repeat(most)
    return [
      { value, refusal: [`${field.path}: Invalid value: "${value}": `, rule.permitted] },
      { value: `${value}a`, refusal: tooLong },
    ]
  },
  minItems: ({ path }, least: number) => [
    { value: some(path, least) },
    {
      value: some(path, least - 1),
      refusal: [`${path}: Invalid value: ${least - 1}: `, ` in body should have at least ${least} items`],
    },
  ],
  maxItems: ({ path }, most: number) => [
    { value: some(path, most) },
    { value: some(path, most + 1), refusal: [`${path}: Too many: ${most + 1}: must have at most ${most} items`] },
  ],
  format: ({ path }, format: string) =>
    format === 'date-time'
      ? [
          { value: '2026-11-26T18:00:00.5+05:30' },
          {
            value: 'yesterday',
            refusal: [`${path}: Invalid value: "yesterday": `, ` in body must be of type date-time: "yesterday"`],
          },
        ]
      : [], // The width of an integer bounds nothing at the API server: `maximum` does.
  'x-kubernetes-list-type': ({ path, schema }, type: string) => {
    if (type === 'atomic') return []
    const [one] = some(path, 1)
    const keys = schema['x-kubernetes-list-map-keys']
    const named = keys === undefined ? one : Object.fromEntries(keys.map(key => [key, valueAt(one, [key])]))
    return [
      { value: some(path, 2) },
      { value: [one, one], refusal: [`${path}[1]: Duplicate value: ${JSON.stringify(named)}`] },
    ]
  },
}

/** Everything to be tried of a field. Throws on a keyword that nobody has thought of. */
export function trialsOf(field: Field): Trial[] {
  const { kind, way, path, schema } = field
  const keywords = Object.entries(schema).filter(([name]) => !unbounded.includes(name))
  return keywords.flatMap(([keyword, bound]) => {
    if (keyword === 'x-kubernetes-validations') return rulesOf(field)
    const attempt = bounds[keyword]
    if (!attempt) throw new Error(`${kind} ${path} has ${keyword}, and nothing here tries it.`)
    return attempt(field, bound as never).map(one => trial(field, `${keyword} ${JSON.stringify(bound)}`, way, one))
  })
}

function rulesOf(field: Field): Trial[] {
  const { kind, way, path, schema } = field
  return (schema['x-kubernetes-validations'] ?? []).flatMap(({ rule }) => {
    const values = valueRules[rule]
    if (values) {
      const { accepted, refused, permitted } = values
      return [
        ...accepted.map(value => trial(field, rule, way, { value })),
        ...refused.map(value =>
          trial(field, rule, way, {
            value,
            refusal: [`${path}: Invalid value: ${JSON.stringify(value)}: `, permitted],
          }),
        ),
      ]
    }
    const moves = placeRules[`${kind} ${path}: ${rule}`]
    if (!moves) throw new Error(`Nothing tries the rule ${kind} ${path}: ${rule}`)
    const at = moves.at.split('.')
    const moved = (move: { from?: unknown; to: unknown }, refusal?: string[]): Trial => ({
      ...trial(field, rule, at, { value: move.to, ...(refusal && { refusal }) }),
      ...('from' in move && { before: withValue(examples[kind], at, move.from) }),
    })
    return [
      ...moves.accepted.map(move => moved(move)),
      ...moves.refused.map(move => moved(move, [`${move.path}: `, move.says])),
    ]
  })
}

function trial({ kind, path }: Field, bound: string, way: Way, { value, refusal }: Try): Trial {
  const verb = refusal ? 'refuses' : 'accepts'
  return {
    kind,
    name: `${kind} ${path} (${bound}) ${verb} ${JSON.stringify(value)?.slice(0, 60) ?? 'its absence'}`,
    object: way.length === 0 ? Object.assign({}, value) : withValue(examples[kind], way, value),
    isStatus: way[0] === 'status',
    ...(refusal && { refusal }),
  }
}

function without(whole: unknown, name: string): object {
  const copy: Record<string, unknown> = { ...Object(whole) }
  delete copy[name]
  return copy
}

function some(path: string, count: number): unknown[] {
  const make = items[path]
  if (!make) throw new Error(`There are no items for ${path}.`)
  return Array.from({ length: count }, (_, index) => make(index))
}
