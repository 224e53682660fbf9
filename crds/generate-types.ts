// Makes crds/types/ from the CRD YAML. `--check` writes nothing and fails when the types are stale.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile, type JSONSchema } from 'json-schema-to-typescript'
import { parse } from 'yaml'

const folder = import.meta.dirname
const check = process.argv.includes('--check')

interface Schema {
  type?: string
  default?: unknown
  required?: string[]
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: unknown
  minItems?: number
  maxItems?: number
  [key: string]: unknown
}

/** The API server fills defaults in, so a field that has one is always there to read; a new object bears no status. */
function asRead(schema: Schema, name: string): Schema {
  const properties = Object.entries(schema.properties ?? {})
  const defaulted = properties
    .filter(([key, { default: filledIn }]) => filledIn !== undefined && key !== 'status')
    .map(([key]) => key)
  const { minItems: _least, maxItems: _most, ...rest } = schema // Lengths would become tuples.
  return {
    ...rest,
    ...(schema.properties && {
      properties: Object.fromEntries(properties.map(([key, property]) => [key, asRead(property, key)])),
      required: [...new Set([...(schema.required ?? []), ...defaulted])],
      additionalProperties: false,
    }),
    ...(schema.items && { items: asRead(schema.items, name) }),
  }
}

async function typesOf(file: string): Promise<{ path: string; text: string }> {
  const crd = parse(readFileSync(join(folder, file), 'utf8'), { merge: true })
  const { kind, plural } = crd.spec.names
  const [version] = crd.spec.versions
  const schema = asRead(version.schema.openAPIV3Schema, kind)
  const body: Schema = { type: 'object', properties: {}, required: ['spec', 'status'], additionalProperties: false }
  body.properties = { spec: schema.properties?.spec ?? {}, status: schema.properties?.status ?? {} }
  for (const part of ['spec', 'status'])
    Object.assign(body.properties[part] ?? {}, { title: `${kind}${part === 'spec' ? 'Spec' : 'Status'}` })

  const types = await compile(body as JSONSchema, `${kind}Body`, {
    bannerComment: '',
    style: { semi: false, singleQuote: true, printWidth: 120 },
  })
  const apiVersion = `${crd.spec.group}/${version.name}`
  const head = `// Made from crds/${file} by \`npm run generate\`. Do not edit.\nimport { defineResource, type KubernetesObject } from '../../lib/kube/resource.ts'\n\n`
  const tail = `
export interface ${kind} extends KubernetesObject {
  apiVersion: '${apiVersion}'
  kind: '${kind}'
  spec: ${kind}Spec
  /** Absent until the operator has seen the object. */
  status?: ${kind}Status
}

export const ${kind[0].toLowerCase()}${kind.slice(1)}s = defineResource<${kind}>({
  group: '${crd.spec.group}',
  version: '${version.name}',
  plural: '${plural}',
  kind: '${kind}',
  namespaced: ${crd.spec.scope === 'Namespaced'},
})
`
  return { path: join(folder, 'types', `${crd.spec.names.singular}.ts`), text: `${head + types.trim()}\n${tail}` }
}

const files = readdirSync(folder).filter(file => file.endsWith('.yaml'))
let stale = 0
for (const { path, text } of await Promise.all(files.map(typesOf))) {
  if (!check) writeFileSync(path, text)
  else if (readFileSync(path, 'utf8') !== text) {
    stale += 1
    console.error(`${path} is stale. Run \`npm run generate\` and commit what it writes.`)
  }
}
process.exitCode = stale > 0 ? 1 : 0
