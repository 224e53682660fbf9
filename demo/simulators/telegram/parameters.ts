// Reads a method's parameters as the Bot API does: from the query, JSON, urlencoded or multipart, and leniently
// typed, since in three of the four forms everything is text (core.telegram.org/bots/api#making-requests).
import { badRequest } from './errors.ts'

export type Parameters = Record<string, unknown>

export async function readParameters(request: Request): Promise<Parameters> {
  const query = Object.fromEntries(new URL(request.url).searchParams)
  if (request.method === 'GET') return query

  const type = request.headers.get('content-type') ?? ''
  if (type.includes('application/json')) {
    const body = await request.text()
    return { ...query, ...(body === '' ? {} : jsonObject(body)) }
  }
  if (type.includes('application/x-www-form-urlencoded')) {
    return { ...query, ...Object.fromEntries(new URLSearchParams(await request.text())) }
  }
  if (type.includes('multipart/form-data')) {
    const form: Parameters = {}
    for (const [name, value] of await request.formData()) if (typeof value === 'string') form[name] = value
    return { ...query, ...form }
  }
  return query
}

function jsonObject(body: string): Parameters {
  const parsed = parseJson(body)
  if (!isObject(parsed)) throw badRequest("can't parse JSON object")
  return parsed
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Undefined when absent. */
export function textOf(parameters: Parameters, name: string): string | undefined {
  const value = parameters[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw badRequest(`parameter "${name}" must be a string`)
}

export function integerOf(parameters: Parameters, name: string): number | undefined {
  const text = textOf(parameters, name)
  if (text === undefined || text === '') return undefined
  if (!/^-?\d{1,16}$/.test(text)) throw badRequest(`invalid ${name} specified`)
  return Number(text)
}

export function booleanOf(parameters: Parameters, name: string): boolean | undefined {
  const text = textOf(parameters, name)?.toLowerCase()
  return text === undefined || text === '' ? undefined : ['true', 'yes', '1'].includes(text)
}

/** An object or list, which may come as JSON in a text; undefined when absent. */
export function structureOf(parameters: Parameters, name: string): unknown {
  const value = parameters[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') return value
  const parsed = parseJson(value)
  if (parsed === undefined) throw badRequest(`can't parse ${name.replaceAll('_', ' ')} JSON object`)
  return parsed
}
