// Named checks behind /healthz (restart me?) and /readyz (send me work?). The replies list what fails, in words.
import { Hono } from 'hono'
import type { Clock } from './clock.ts'

/** Seconds until a check that does not answer counts as failed. Below the second that a kubelet's probe should wait. */
const CHECK_SECONDS = 0.8

/** Says what is wrong in a few words (never a secret: /readyz may be public), `undefined` when all is well. */
export type Check = (signal: AbortSignal) => string | undefined | Promise<string | undefined>

export interface HealthReport {
  status: 'ok' | 'failing'
  /** By the check's name: 'ok' or what is wrong. */
  checks: Record<string, string>
}

export interface Health {
  /** Failing, it gets the process restarted: only what a restart mends. */
  addLive(name: string, check: Check): void
  /** Failing, it keeps work away until it holds again. */
  addReady(name: string, check: Check): void
  live(): Promise<HealthReport>
  /** Not alive is not ready either. */
  ready(): Promise<HealthReport>
}

/** An empty registry: live, and ready, until a check says otherwise. */
export function createHealth({ clock }: { clock: Clock }): Health {
  const live = new Map<string, Check>()
  const ready = new Map<string, Check>()

  const ask = async (checks: Iterable<[string, Check]>): Promise<HealthReport> => {
    const answers = await Promise.all(
      [...checks].map(async ([name, check]) => [name, (await answerOf(check, clock)) ?? 'ok'] as const),
    )
    const failing = answers.some(([, answer]) => answer !== 'ok')
    return { status: failing ? 'failing' : 'ok', checks: Object.fromEntries(answers) }
  }
  return {
    addLive: (name, check) => void live.set(name, check),
    addReady: (name, check) => void ready.set(name, check),
    live: () => ask(live),
    ready: () => ask([...live, ...ready]),
  }
}

async function answerOf(check: Check, clock: Clock): Promise<string | undefined> {
  const late = new AbortController()
  const answered = new AbortController()
  const timeout = clock.sleep(CHECK_SECONDS * 1000, answered.signal).then(
    () => {
      late.abort()
      return `no answer within ${CHECK_SECONDS} s`
    },
    () => undefined,
  )
  const answer = (async () => check(late.signal))().catch(failureOf)
  try {
    return await Promise.race([answer, timeout])
  } finally {
    answered.abort()
  }
}

/** The code only: messages of drivers carry addresses and users. */
function failureOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return code ? `failed (${code})` : 'failed'
}

/** GET /healthz and GET /readyz: 200 or 503, `{"status","checks"}`. */
export function healthRoutes(health: Health): Hono {
  const app = new Hono()
  app.get('/healthz', async context => {
    const report = await health.live()
    return context.json(report, report.status === 'ok' ? 200 : 503, { 'Cache-Control': 'no-store' })
  })
  app.get('/readyz', async context => {
    const report = await health.ready()
    return context.json(report, report.status === 'ok' ? 200 : 503, { 'Cache-Control': 'no-store' })
  })
  return app
}
