// Holds replies against the API's own document: status, media type, headers and body. What the document does not name may
// not be in a reply: it would be something that nobody meant to tell.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { expect } from 'vitest'
import { z } from 'zod'
import type { ApiDocument, Operation, Reply, Schema } from './document.ts'

export interface Answered {
  status: number
  headers: Headers
  text: string
}

const EVENTS = 'text/event-stream'
const problemSchema = z.looseObject({ code: z.string(), status: z.number(), detail: z.string(), requestId: z.string() })

export type Conformity = ReturnType<typeof conformity>

export function conformity({ operations, resolve }: Pick<ApiDocument, 'operations' | 'resolve'>) {
  /** Every header that the document names with any reply. */
  const named = new Set(
    operations.flatMap(({ replies }) => Object.values(replies).flatMap(reply => Object.keys(reply.headers))),
  )
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  formats.default(ajv)
  const compiled = new Map<Schema, ValidateFunction>()
  const validator = (schema: Schema, as: (given: Schema) => Schema) => {
    const validate = compiled.get(schema) ?? ajv.compile(as(schema))
    compiled.set(schema, validate)
    return validate
  }
  /** Whole, and closed: nothing may stand in it beside what is described. */
  const closed = (given: Schema): Schema => {
    const schema = resolve(given)
    const { properties, allOf, anyOf, items } = schema
    return {
      ...parts(schema),
      ...(allOf ? { allOf: allOf.map(each => parts(resolve(each))) } : {}),
      ...(anyOf ? { anyOf: anyOf.map(closed) } : {}),
      ...(items ? { items: closed(items) } : {}),
      ...((properties || allOf) && schema.additionalProperties === undefined ? { unevaluatedProperties: false } : {}),
    }
  }
  const parts = (schema: Schema): Schema => {
    if (!schema.properties) return schema
    const each = Object.entries(schema.properties).map(([name, property]) => [name, closed(property)])
    return { ...schema, properties: Object.fromEntries(each) }
  }
  const open = (given: Schema): Schema => {
    const schema = resolve(given)
    return { ...schema, ...(schema.items ? { items: open(schema.items) } : {}) }
  }

  return {
    /** Whether the document takes this value there. */
    permits: (schema: Schema, value: unknown): boolean => validator(schema, open)(value),
    /** Fails, saying `told`, where the reply is not one of those that the document promises. */
    conforms(operation: Operation, { status, headers, text }: Answered, told = operation.id): void {
      const reply = operation.replies[status]
      if (!reply) throw new Error(`${told}\n${status} is no documented status.`)
      headersConform(reply, { headers, told })
      // All but what is the same for everybody.
      const isOwn = operation.method !== 'GET' || operation.security !== 'Nobody' || status >= 400
      if (isOwn) expect(headers.get('Cache-Control'), told).toBe('no-store')
      const type = headers.get('Content-Type')?.replace(/;.*/, '')
      if (!reply.content) {
        expect([type, text], told).toEqual([undefined, ''])
        return
      }
      const schema = reply.content[type ?? '']?.schema
      if (!schema) throw new Error(`${told}\n${type} is no documented media type.`)
      const validate = validator(schema, closed)
      for (const body of type === EVENTS ? eventsIn(text) : [text]) {
        const isValid = validate(JSON.parse(body))
        if (!isValid) throw new Error(`${told}\n${ajv.errorsText(validate.errors)}\n${body.slice(0, 1000)}`)
      }
      if (status >= 400) problemConforms(operation, { status, headers, text, told })
    },
  }

  function headersConform({ headers: described }: Reply, { headers, told }: { headers: Headers; told: string }) {
    const others = [...named].filter(name => described[name] === undefined && headers.has(name))
    expect(others, `${told}\nThe document does not name these with this reply.`).toEqual([])
    for (const [name, { required, schema }] of Object.entries(described)) {
      const value = headers.get(name)
      if (value === null) expect(required, `${told}\nThe reply lacks ${name}.`).toBe(false)
      else {
        const typed = schema.type === 'integer' ? Number(value) : value
        expect(validator(schema, open)(typed), `${told}\n${name}: ${value}`).toBe(true)
      }
    }
  }
}

/** What a schema cannot say: that a problem is one of its status, and names the request that the headers name. */
function problemConforms(operation: Operation, { status, headers, text, told }: Answered & { told: string }): void {
  const problem = problemSchema.parse(JSON.parse(text))
  expect(operation.refusals, told).toContainEqual({ code: problem.code, status })
  expect([problem.status, problem.requestId], told).toEqual([status, headers.get('X-Request-Id')])
  expect(problem.detail, told).toMatch(/^[A-Z].*\.$/s)
}

function eventsIn(text: string): string[] {
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data)
}
