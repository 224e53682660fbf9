// Watches the bill of each session in a namespace, as whoever charges by it does, and keeps the first thing that is wrong
// with it.
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { Clock } from '../../lib/process/clock.ts'

export interface Sight {
  session: GameSession
  /** By its clock, milliseconds. */
  seenAt: number
}

export interface BillingWitness {
  /** Throws what was wrong first. */
  judge(): void
  /** Whether every version of it was seen, and that there will be no more. */
  hasSeenEndOf(session: GameSession): boolean
  stop(): Promise<void>
}

/** Longer than anything is played. */
const WATCH_SECONDS = 900

export function billingWitness(options: {
  kube: KubeClient
  namespace: string
  clock: Clock
  paidGraceSeconds: number
}): BillingWitness {
  const { kube, namespace, clock, paidGraceSeconds } = options
  const ends = new AbortController()
  const { signal } = ends
  const last = new Map<string, Sight>()
  const gone = new Set<string>()
  let wrong: string | undefined

  function see(session: GameSession): void {
    const uid = session.metadata.uid ?? ''
    const sight = { session, seenAt: clock.now().getTime() }
    const before = last.get(uid)
    wrong ??= wrongWith({ before, now: sight, paidGraceSeconds })
    last.set(uid, sight)
  }

  async function follow(): Promise<void> {
    const { items, metadata } = await kube.list(gameSessions, { namespace, signal })
    items.forEach(see)
    const { resourceVersion } = metadata
    const watched = { namespace, resourceVersion, timeoutSeconds: WATCH_SECONDS, signal }
    for await (const event of kube.watch(gameSessions, watched)) {
      if (event.type === 'BOOKMARK') continue
      see(event.object)
      if (event.type === 'DELETED') gone.add(event.object.metadata.uid ?? '')
    }
    throw new Error('The watch of the sessions ended.')
  }
  const following = follow().catch((error: unknown) => {
    if (!signal.aborted) wrong ??= `The bill could not be watched: ${error}`
  })

  return {
    judge() {
      if (wrong !== undefined) throw new Error(wrong)
    },
    hasSeenEndOf: ({ metadata }) => gone.has(metadata.uid ?? ''),
    async stop() {
      ends.abort()
      await following
    },
  }
}

/** What is wrong with a bill, given how it was seen before; `undefined` when nothing is. */
export function wrongWith(given: {
  before: Sight | undefined
  now: Sight
  paidGraceSeconds: number
}): string | undefined {
  const { before, now, paidGraceSeconds } = given
  const { spec, status, metadata } = now.session
  const was = before?.session.status?.billing ?? {}
  const { seconds = 0, since, final = false } = status?.billing ?? {}
  const added = seconds - (was.seconds ?? 0)
  const isOtherwise = added !== 0 || since !== undefined || !final
  if (was.final === true && isOtherwise) return `I4: a final bill changed: ${was.seconds} s, now ${seconds} s`
  if (added < 0) return `I4: the bill fell: ${was.seconds} s, now ${seconds} s`

  // What was open, or came and went between two looks.
  const from = was.since ?? status?.readyAt ?? metadata.creationTimestamp ?? ''
  // It may be ended before it begins: what follows an interval opens up to a second late, in the player's favour.
  const lasted = Math.max(0, (now.seenAt - new Date(from).getTime()) / 1000)
  if (added > lasted) return `I4: an interval of ${lasted} s was billed with ${added} s`

  const ready = status?.readyAt === undefined ? 0 : (now.seenAt - new Date(status.readyAt).getTime()) / 1000
  if (seconds > ready) return `I4: ${seconds} s are billed of a session that was first played ${ready} s ago`
  const granted = (spec.paidSeconds ?? Number.POSITIVE_INFINITY) + paidGraceSeconds
  if (seconds > granted) return `I3: ${seconds} s are billed where ${granted} s were granted`
  return undefined
}
