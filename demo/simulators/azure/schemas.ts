// Azure's own schemas: the mappers inside the classic SDKs say of every class its properties by their names on the wire,
// their types, and which are required or read-only; the typings beside them list the values known for each string.
// The current SDKs carry no such tables, which is why the older ones are installed under other names; what the typings of
// the current ones add to the known values is taken from there.
import { readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'

/** What is wrong with a body, and where. */
export interface SchemaFault {
  kind: 'missing' | 'unknown' | 'wrong type' | 'value not known'
  /** Such as `properties.storageProfile.dataDisks[0].lun`. */
  path: string
  /** The class that was being read. */
  className: string
  expected: string
  found: string
}

export interface Checked {
  /** The body without nulls, and for a request without what only Azure may write. */
  body: unknown
  faults: readonly SchemaFault[]
}

export type Library = 'compute' | 'network'

export interface Schemas {
  /** Throws when the class is not in the library: a mistake in a route table. */
  checkRequest(library: Library, className: string, body: unknown): Checked
  checkReply(library: Library, className: string, body: unknown): readonly SchemaFault[]
}

/** A mapper of @azure/core-client, as far as it is used. https://github.com/Azure/azure-sdk-for-js/blob/main/sdk/core/core-client/src/interfaces.ts */
interface MapperType {
  name: string
  className?: string | undefined
  allowedValues?: readonly unknown[] | undefined
  modelProperties?: Record<string, unknown> | undefined
  additionalProperties?: unknown
  element?: unknown
  value?: unknown
}

const mapperShape = z.looseObject({
  serializedName: z.string().optional(),
  required: z.boolean().optional(),
  readOnly: z.boolean().optional(),
  type: z.looseObject({
    name: z.string(),
    className: z.string().optional(),
    allowedValues: z.array(z.unknown()).optional(),
    modelProperties: z.record(z.string(), z.unknown()).optional(),
    additionalProperties: z.unknown().optional(),
    element: z.unknown().optional(),
    value: z.unknown().optional(),
  }),
})

/** An object on the wire: a class, or one of the `properties` objects that ARM nests inside it. */
interface ObjectNode {
  className: string
  properties: Map<string, Property>
  open: boolean
}

type Property =
  | { nested: ObjectNode }
  | { type: MapperType; known?: readonly string[]; required: boolean; readOnly: boolean }

export async function loadSchemas(): Promise<Schemas> {
  const libraries = {
    compute: await library('arm-compute-classic', '@azure/arm-compute'),
    network: await library('arm-network-classic', '@azure/arm-network'),
  }
  return {
    checkRequest: (name, className, body) => libraries[name].check(className, body, 'request'),
    checkReply: (name, className, body) => libraries[name].check(className, body, 'reply').faults,
  }
}

async function library(classic: string, current: string) {
  // The mappers are no entry point of the package, so they are found beside its main file.
  const models = new URL('./models/', import.meta.resolve(classic))
  const mappers = z.record(z.string(), z.unknown()).parse({ ...(await import(new URL('mappers.js', models).href)) })
  const known = knownValues(readFileSync(new URL('index.d.ts', models), 'utf8'), currentTypings(current))
  const compiled = new Map<string, ObjectNode>()

  function classNamed(className: string): ObjectNode {
    const ready = compiled.get(className)
    if (ready !== undefined) return ready
    const node: ObjectNode = { className, properties: new Map(), open: false }
    compiled.set(className, node)
    const { type } = mapperShape.parse(mappers[className])
    node.open = type.additionalProperties !== undefined
    for (const [key, property] of Object.entries(type.modelProperties ?? {})) {
      const mapper = mapperShape.parse(property)
      const steps = (mapper.serializedName ?? key).split(/(?<!\\)\./).map(step => step.replaceAll('\\', ''))
      const values = known(className, key)
      put(node, steps, {
        type: mapper.type,
        ...(values === undefined ? {} : { known: values }),
        required: mapper.required ?? false,
        readOnly: mapper.readOnly ?? false,
      })
    }
    return node
  }

  function check(className: string, body: unknown, direction: 'request' | 'reply'): Checked {
    const faults: SchemaFault[] = []

    function object(node: ObjectNode, value: unknown, path: string): unknown {
      if (!isObject(value)) return wrong(node.className, path, 'object', value)
      const result: Record<string, unknown> = {}
      for (const [name, item] of Object.entries(value)) {
        if (item === null || item === undefined) continue
        const here = path === '' ? name : `${path}.${name}`
        const property = node.properties.get(name)
        if (property === undefined) {
          if (node.open) result[name] = item
          else
            faults.push({
              kind: 'unknown',
              path: here,
              className: node.className,
              expected: 'no such member',
              found: name,
            })
        } else if ('nested' in property) {
          result[name] = object(property.nested, item, here)
        } else if (direction === 'reply' || !property.readOnly) {
          result[name] = typed(property.type, property.known, item, here, node.className)
        }
      }
      for (const [name, property] of node.properties) {
        if ('nested' in property || !property.required || result[name] !== undefined) continue
        if (direction === 'request' && property.readOnly) continue
        const here = path === '' ? name : `${path}.${name}`
        faults.push({
          kind: 'missing',
          path: here,
          className: node.className,
          expected: property.type.name,
          found: 'null',
        })
      }
      return result
    }

    function typed(
      type: MapperType,
      values: readonly string[] | undefined,
      value: unknown,
      path: string,
      className: string,
    ): unknown {
      switch (type.name) {
        case 'Composite':
          return object(classNamed(type.className ?? ''), value, path)
        case 'Sequence': {
          const element = mapperShape.parse(type.element)
          if (!Array.isArray(value)) return wrong(className, path, 'array', value)
          return value.map((item, index) => typed(element.type, values, item, `${path}[${index}]`, className))
        }
        case 'Dictionary': {
          const element = mapperShape.parse(type.value)
          if (!isObject(value)) return wrong(className, path, 'object', value)
          const entries = Object.entries(value).map(([name, item]) => [
            name,
            typed(element.type, undefined, item, `${path}.${name}`, className),
          ])
          return Object.fromEntries(entries)
        }
        case 'Enum':
          return oneOf((type.allowedValues ?? []).map(String), value, path, className)
        case 'String':
        case 'TimeSpan':
        case 'Uuid':
          if (typeof value !== 'string') return wrong(className, path, 'string', value)
          return values === undefined ? value : oneOf(values, value, path, className)
        case 'Number':
          return typeof value === 'number' ? value : wrong(className, path, 'number', value)
        case 'Boolean':
          return typeof value === 'boolean' ? value : wrong(className, path, 'boolean', value)
        case 'DateTime':
          if (typeof value === 'string' && !Number.isNaN(Date.parse(value))) return value
          return wrong(className, path, 'date', value)
        default:
          return value
      }
    }

    function oneOf(values: readonly string[], value: unknown, path: string, className: string): unknown {
      const wanted = String(value).toLowerCase()
      const match = values.find(one => one.toLowerCase() === wanted)
      if (match !== undefined) return match
      faults.push({ kind: 'value not known', path, className, expected: values.join(', '), found: String(value) })
      return value
    }

    function wrong(className: string, path: string, expected: string, value: unknown): unknown {
      faults.push({ kind: 'wrong type', path, className, expected, found: JSON.stringify(value) ?? 'nothing' })
      return value
    }

    return { body: object(classNamed(className), body, ''), faults }
  }

  return { check }
}

function put(node: ObjectNode, steps: readonly string[], property: Property): void {
  const [first, ...rest] = steps
  if (first === undefined) return
  if (rest.length === 0) {
    node.properties.set(first, property)
    return
  }
  const existing = node.properties.get(first)
  const nested =
    existing !== undefined && 'nested' in existing
      ? existing.nested
      : { className: node.className, properties: new Map<string, Property>(), open: false }
  node.properties.set(first, { nested })
  put(nested, rest, property)
}

/** Enumerations whose lists Microsoft no longer keeps up: the sizes of today are not in this one. */
const INCOMPLETE = new Set(['VirtualMachineSizeTypes'])

/** The typings of all models of a current SDK, in one text. */
function currentTypings(packageName: string): string {
  const models = new URL('./models/', import.meta.resolve(packageName))
  const files = readdirSync(models, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('models.d.ts'))
  return files.map(name => readFileSync(new URL(name, models), 'utf8')).join('\n')
}

/** Reads the typings: which enumeration a property of a class is of, and which values it is known to have. */
function knownValues(
  typings: string,
  current: string,
): (className: string, property: string) => readonly string[] | undefined {
  const enums = new Map<string, readonly string[]>()
  for (const [, name = '', body = ''] of `${typings}\n${current}`.matchAll(
    /export declare enum Known(\w+) \{([^}]*)\}/g,
  )) {
    if (INCOMPLETE.has(name)) continue
    const values = [...body.matchAll(/= "([^"]*)"/g)].map(([, value = '']) => value)
    enums.set(name, [...new Set([...(enums.get(name) ?? []), ...values])])
  }
  const types = new Map<string, string>()
  const parents = new Map<string, readonly string[]>()
  for (const [, name = '', parent, body = ''] of typings.matchAll(
    /export interface (\w+)(?: extends ([\w, ]+))? \{([\s\S]*?)\n\}/g,
  )) {
    parents.set(name, parent?.split(', ') ?? [])
    for (const [, property = '', type = ''] of body.matchAll(/^ {4}(?:readonly )?(\w+)\??: (\w+)(?:\[\])?;/gm)) {
      types.set(`${name}.${property}`, type)
    }
  }
  const typeOf = (name: string, property: string): string | undefined =>
    types.get(`${name}.${property}`) ??
    parents
      .get(name)
      ?.map(parent => typeOf(parent, property))
      .find(type => type !== undefined)
  return (className, property) => enums.get(typeOf(className, property) ?? '')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
