// What the API server warns of beside its answers: a field that it does not know, an API that is going away.
import type { Logger } from '../telemetry/log.ts'

/** Texts remembered, so that each is told once; beyond, nothing new is told. */
const LIMIT = 1000

/** Takes the `Warning` header of an answer (https://www.rfc-editor.org/rfc/rfc7234#section-5.5: `299 - "text"`, several with commas). */
export function warnings(log: Logger): (header: string) => void {
  const told = new Set<string>()
  return header => {
    for (const [, quoted = ''] of header.matchAll(/\d{3} \S+ "((?:[^"\\]|\\.)*)"/g)) {
      const warning = quoted.replace(/\\(.)/g, '$1')
      if (told.has(warning) || told.size >= LIMIT) continue
      told.add(warning)
      log.warn({ warning }, 'The API server warns')
    }
  }
}
