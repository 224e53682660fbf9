// Walks the CRDs' schemas, so that no bound and no rule of theirs goes untried.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'yaml'

export interface Schema {
  type?: string
  description?: string
  default?: unknown
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  'x-kubernetes-validations'?: Rule[]
  'x-kubernetes-list-map-keys'?: string[]
  [keyword: string]: unknown
}

export interface Rule {
  rule: string
}

/** A field by its way from the object's root; 0 stands for a list's first item. */
export type Way = (string | number)[]

export interface Field {
  kind: 'GameSession' | 'GpuVm'
  way: Way
  /** As the API server writes it: `spec.disks.data[0].lun`. */
  path: string
  schema: Schema
}

export const kinds = ['GameSession', 'GpuVm'] as const
export const pluralOf = { GameSession: 'gamesessions', GpuVm: 'gpuvms' } as const

export function crdOf(kind: Field['kind']) {
  const file = resolve(import.meta.dirname, `../../crds/wasd.cloud_${pluralOf[kind]}.yaml`)
  return parse(readFileSync(file, 'utf8'))
}

/** Every field of both kinds, the objects themselves included. */
export function allFields(): Field[] {
  return kinds.flatMap(kind => fieldsOf(kind, [], crdOf(kind).spec.versions[0].schema.openAPIV3Schema))
}

function fieldsOf(kind: Field['kind'], way: Way, schema: Schema): Field[] {
  const within = Object.entries(schema.properties ?? {}).filter(
    ([name]) => way.length > 0 || !ofEveryKind.includes(name),
  )
  return [
    { kind, way, path: pathOf(way), schema },
    ...within.flatMap(([name, each]) => fieldsOf(kind, [...way, name], each)),
    ...(schema.items ? fieldsOf(kind, [...way, 0], schema.items) : []),
  ]
}

/** The server's own, whatever a schema says of them. */
const ofEveryKind = ['apiVersion', 'kind', 'metadata']

export function pathOf(way: Way): string {
  return way.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('')
}

/** What stands there, or `undefined`. */
export function valueAt(object: unknown, way: Way): unknown {
  return way.reduce<unknown>((value, step) => (isMap(value) ? value[step] : undefined), object)
}

/** A copy of `object` with `value` there; `undefined` takes the field away. */
export function withValue<Whole extends object>(object: Whole, way: Way, value: unknown): Whole {
  const copy = structuredClone(object)
  const last = way.at(-1)
  const parent = valueAt(copy, way.slice(0, -1))
  if (last === undefined || !isMap(parent)) throw new Error(`The example has no place for ${pathOf(way)}.`)
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return copy
}

function isMap(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null
}
