// Settings from the environment, parsed once. Everything that is wrong is told in one message, so that nobody
// mends a deployment one restart at a time.
import { z } from 'zod'

/** Stops the program at start; `message` lists every setting that is missing or malformed, never its value. */
export class SettingsError extends Error {
  readonly code = 'InvalidSettings'
}

type Environment = Record<string, string | undefined>

/**
 * Parses `environment` by `schema`, whose keys are the variables' names. An empty variable counts as absent, as a
 * shell or a chart leaves it. Throws `SettingsError`.
 */
export function parseEnvironment<Schema extends z.ZodObject>(
  schema: Schema,
  environment: Environment,
): z.infer<Schema> {
  const known = Object.keys(schema.shape)
  const given = Object.fromEntries(known.flatMap(name => (environment[name] ? [[name, environment[name]]] : [])))
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data

  const lines = parsed.error.issues.map(issue => {
    const name = String(issue.path[0] ?? '(settings)')
    const description = schema.shape[name] instanceof z.ZodType ? schema.shape[name].description : undefined
    const wrong = given[name] === undefined ? 'is not set' : `is malformed: ${issue.message}`
    return `  ${name} ${wrong}${description ? ` (${description})` : ''}`
  })
  throw new SettingsError(
    `These settings stop the program. Set them in the environment:\n${[...new Set(lines)].join('\n')}`,
  )
}

/** A whole number within bounds, written in decimal. */
export function integer(bounds: { minimum: number; maximum: number }) {
  return z
    .string()
    .regex(/^-?\d+$/, 'a whole number is expected')
    .transform(Number)
    .pipe(z.number().min(bounds.minimum).max(bounds.maximum))
}

/** Seconds, fractions permitted (the local stack runs intervals at a twentieth). */
export function seconds(bounds: { minimum: number; maximum: number }) {
  return z
    .string()
    .regex(/^\d+(\.\d+)?$/, 'seconds are expected, such as 15 or 0.75')
    .transform(Number)
    .pipe(z.number().min(bounds.minimum).max(bounds.maximum))
}

/** `true` or `false`, nothing else. */
export const boolean = z.enum(['true', 'false'], 'true or false is expected').transform(word => word === 'true')

/** An absolute http or https URL without a trailing slash. */
export const url = z
  .string()
  .refine(text => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'an http or https URL is expected')
  .transform(text => text.replace(/\/+$/, ''))

/** Items separated by commas; empty items are dropped. */
export const list = z.string().transform(text =>
  text
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== ''),
)
