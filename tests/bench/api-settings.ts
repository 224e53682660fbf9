// What the servers that are compared are told, and what they tell.
import { z } from 'zod'
import type { TokenSettings } from '../../api/players/access-tokens.ts'

const environment = z.object({
  DATABASE_URL: z.string(),
  REDIS_URL: z.string(),
  CATALOGUE_FILE: z.string(),
  TOKEN_KEY: z.string(),
  ISSUER: z.string(),
  CONNECTIONS: z.coerce.number().int(),
})

export function given(variables: Record<string, string | undefined>) {
  const parsed = environment.parse(variables)
  const { TOKEN_KEY, ISSUER: issuer, CONNECTIONS: connections } = parsed
  return {
    databaseUrl: parsed.DATABASE_URL,
    redisUrl: parsed.REDIS_URL,
    catalogueFile: parsed.CATALOGUE_FILE,
    tokens: { algorithm: 'EdDSA', keys: [Buffer.from(TOKEN_KEY, 'hex')], issuer } satisfies TokenSettings,
    connections,
  }
}

/** On SIGUSR2 the bytes that are reachable, as a line. Needs `--expose-gc`. */
export function tellHeap(): void {
  process.on('SIGUSR2', () => {
    // What was last answered is let go of by timers and callbacks: a few turns, a few collections.
    let rounds = 0
    const collect = () => {
      globalThis.gc?.()
      rounds += 1
      if (rounds < 4) setTimeout(collect, 100)
      else console.log(`heap ${process.memoryUsage().heapUsed}`)
    }
    collect()
  })
}
