import type { Context } from 'hono'
import { HttpError } from './errors.ts'

/** The body as JSON, whatever its Content-Type says. Throws `HttpError` MalformedBody. */
export async function readJson(context: Context): Promise<unknown> {
  const text = await context.req.text()
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new HttpError('MalformedBody', { cause })
  }
}
