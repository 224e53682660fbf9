// The API's own document, read as a test reads it: operations, what they take, and with what they refuse.
import { z } from 'zod'
import type { FrontStack } from './front.ts'

/** A JSON schema, as far as the document uses them. */
export interface Schema {
  $ref?: string
  unevaluatedProperties?: boolean
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
  anyOf?: Schema[]
  allOf?: Schema[]
  pattern?: string
  format?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  multipleOf?: number
  minItems?: number
  maxItems?: number
  default?: unknown
}

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  schema: Schema
}

/** What an operation answers with under one status. */
export interface Reply {
  /** By media type. Absent: a reply without a body. */
  content?: Record<string, { schema?: Schema | undefined }> | undefined
  headers: Record<string, Header>
}

export interface Header {
  required: boolean
  schema: Schema
}

export interface Operation {
  id: string
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  security: 'Nobody' | 'Player' | 'Guest'
  /** The scope that a service needs. */
  scope: string | undefined
  parameters: Parameter[]
  body: Schema | undefined
  bodyRequired: boolean
  replies: Record<string, Reply>
  /** Codes of refusals, with their status. */
  refusals: { code: string; status: number }[]
}

const schema = z.custom<Schema>(value => typeof value === 'object')
const documentSchema = z.looseObject({
  openapi: z.literal('3.1.0'),
  components: z.looseObject({
    schemas: z.record(z.string(), schema),
    headers: z.record(z.string(), z.looseObject({ required: z.boolean().default(false), schema })),
  }),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({
        operationId: z.string(),
        security: z.array(z.record(z.string(), z.array(z.string()))).default([]),
        parameters: z
          .array(
            z.looseObject({
              name: z.string(),
              in: z.enum(['path', 'query', 'header']),
              required: z.boolean().default(false),
              schema,
            }),
          )
          .default([]),
        requestBody: z
          .looseObject({
            required: z.boolean().default(false),
            content: z.object({ 'application/json': z.object({ schema }) }),
          })
          .optional(),
        responses: z.record(
          z.string(),
          z.looseObject({
            content: z.record(z.string(), z.looseObject({ schema: schema.optional() })).optional(),
            headers: z.record(z.string(), z.looseObject({ $ref: z.string() })).default({}),
          }),
        ),
      }),
    ),
  ),
})

export async function readDocument(stack: Pick<FrontStack, 'publicUrl'>) {
  const reply = await fetch(`${stack.publicUrl}/openapi.json`)
  const { components, paths } = documentSchema.parse(await reply.json())
  const resolve = (given: Schema): Schema => {
    const name = given.$ref?.split('/').at(-1)
    const found = name === undefined ? given : components.schemas[name]
    if (!found) throw new Error(`The document refers to ${given.$ref}, which is not there.`)
    return found
  }
  const headerOf = ($ref: string): Header => {
    const found = components.headers[$ref.split('/').at(-1) ?? '']
    if (!found) throw new Error(`The document refers to ${$ref}, which is not there.`)
    return found
  }
  const codesOf = (given: Schema | undefined): unknown[] => {
    const parts = [given, ...(given?.allOf ?? [])]
    return parts.flatMap(part => part?.properties?.code?.enum ?? [])
  }
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => {
      const scopes = operation.security.flatMap(({ service = [] }) => service)
      const isGuest = operation.security.some(each => 'guest' in each)
      return {
        id: operation.operationId,
        method: z.enum(['GET', 'POST', 'DELETE']).parse(method.toUpperCase()),
        path,
        security: isGuest ? 'Guest' : operation.security.length > 0 ? 'Player' : 'Nobody',
        scope: scopes[0],
        parameters: operation.parameters,
        body: operation.requestBody?.content['application/json'].schema,
        bodyRequired: operation.requestBody?.required ?? false,
        replies: Object.fromEntries(
          Object.entries(operation.responses).map(([status, { content, headers }]): [string, Reply] => [
            status,
            {
              content,
              headers: Object.fromEntries(Object.entries(headers).map(([name, { $ref }]) => [name, headerOf($ref)])),
            },
          ]),
        ),
        refusals: Object.entries(operation.responses)
          .filter(([status]) => Number(status) >= 400)
          .flatMap(([status, { content }]) =>
            codesOf(content?.['application/problem+json']?.schema).map(code => ({
              code: String(code),
              status: Number(status),
            })),
          ),
      }
    }),
  )
  return { operations, resolve, text: JSON.stringify(paths) }
}

export type ApiDocument = Awaited<ReturnType<typeof readDocument>>

/** The operations that may be refused with this code. */
export function naming({ operations }: Pick<ApiDocument, 'operations'>, code: string): Operation[] {
  return operations.filter(({ refusals }) => refusals.some(refusal => refusal.code === code))
}
