// What the simulators' control APIs have in common: bodies read by a schema, and a plain answer to a call that makes
// no sense.
import type { Context, Hono } from 'hono'
import { z } from 'zod'

/** A call of a control API that makes no sense; answered as `{error}`. */
export class ControlError extends Error {
  readonly status: 400 | 404 | 409

  constructor(status: 400 | 404 | 409, message: string) {
    super(message)
    this.status = status
  }
}

/** Answers a `ControlError`; another error is the simulator's own and goes on. */
export function answerControlErrors(app: Hono): void {
  app.onError((error: Error, context: Context) => {
    if (error instanceof ControlError) return context.json({ error: error.message }, error.status)
    throw error
  })
}

/** The request's JSON; without a body `{}`. Throws `ControlError`. */
export async function body(request: Request): Promise<unknown> {
  const text = await request.text()
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    throw new ControlError(400, 'the body is not JSON')
  }
}

/** Throws `ControlError` with all that is wrong. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new ControlError(400, z.prettifyError(parsed.error))
}
