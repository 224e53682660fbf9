// Asks every running machine's stream server whether it answers, which is half of "playable". Nothing that the API
// or the guest says is needed for that. Three misses in a row close a stretch; when a good part of the fleet falls
// silent at once it is our own network, and nothing is concluded.
import { Agent, get, type RequestOptions } from 'node:http'
import type { ObjectReference } from '../../lib/kube/resource.ts'
import type { Runnable, StopSignals } from '../../lib/kube/runtime.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { StreamSeen } from './decision.ts'

/** Sunshine's plain HTTP port, from its base port 47989; it answers `/serverinfo` to anybody. */
const SERVER_INFO_PORT = 47_989
/** So many misses in a row say that the stream is gone. */
const MISSES = 3
/** A server that was never heard is asked so many times as often: the player waits for its first answer. */
const SEEKING_FACTOR = 5
/** When this share of at least so many machines is silent at once, it is our network. */
const OWN_FAULT = { share: 0.2, fleet: 10 }
/** Probes under way at once, each with a socket of its own. */
const CONCURRENCY = 200
/** Characters of an answer; Sunshine's has some 700. */
const ANSWER_LIMIT = 65_536

export interface ProbeTarget {
  uid: string
  key: ObjectReference
  host: string
}

export interface Prober extends Runnable {
  /** Probes this machine from now on; a changed host begins anew. */
  follow(target: ProbeTarget): void
  forget(uid: string): void
  seen(uid: string): StreamSeen
}

interface Followed extends ProbeTarget {
  answering: boolean | undefined
  since: Date | undefined
  lastAnsweredAt: Date | undefined
  misses: number
  dueAt: number
}

/** Resolves to whether the stream server at `host` answers; never rejects. */
export type Probe = (host: string, signal: AbortSignal) => Promise<boolean>

export function prober(options: {
  clock: Clock
  log: Logger
  /** Seconds between two probes of a machine that answers. 15 in production. */
  probeSeconds: number
  /** Called when a machine begins or ceases to answer. */
  onTransition: (key: ObjectReference) => void
  probe?: Probe
}): Prober {
  const { clock, log, probeSeconds, onTransition } = options
  const probe =
    options.probe ?? serverInfo({ timeoutMilliseconds: Math.max(500, (probeSeconds * 1000) / SEEKING_FACTOR) })
  const followed = new Map<string, Followed>()
  let wasOwnFault = false
  const unknown: StreamSeen = { answering: undefined, since: undefined, lastAnsweredAt: undefined }

  async function round(signal: AbortSignal): Promise<void> {
    const began = clock.monotonic()
    const due = [...followed.values()].filter(target => target.dueAt <= began)
    const answers = await inBatches(due, async target => ({ target, answered: await probe(target.host, signal) }))
    if (signal.aborted) return

    for (const { target, answered } of answers) if (!answered) target.misses += 1
    const isOwnFault = fellSilentTogether()
    if (isOwnFault !== wasOwnFault) tellOfOwnFault(isOwnFault)
    const at = clock.now() // One for all of them: a time of its own for each of ten thousand is megabytes.
    for (const { target, answered } of answers) {
      const changed = learn(target, { answered, isOwnFault, at })
      target.dueAt = clock.monotonic() + (probeSeconds * 1000) / (target.answering ? 1 : SEEKING_FACTOR)
      if (changed && followed.get(target.uid) === target) onTransition(target.key)
    }
  }

  /** Machines are asked at different times, so silence is counted over all that were heard, not over one round. */
  function fellSilentTogether(): boolean {
    const heard = [...followed.values()].filter(({ answering }) => answering === true)
    const silent = heard.filter(({ misses }) => misses > 0).length
    return heard.length >= OWN_FAULT.fleet && silent >= heard.length * OWN_FAULT.share
  }

  function tellOfOwnFault(isOwnFault: boolean): void {
    wasOwnFault = isOwnFault
    if (isOwnFault)
      log.warn({ fleet: followed.size }, 'So many machines fell silent together that nothing is concluded')
    else log.info({ fleet: followed.size }, 'The machines that fell silent together can be judged again')
  }

  /** Whether it has begun or ceased to answer. */
  function learn(target: Followed, probed: { answered: boolean; isOwnFault: boolean; at: Date }): boolean {
    const { answered, isOwnFault, at } = probed
    const before = target.answering
    if (answered) {
      if (before !== true) target.since = at
      Object.assign(target, { answering: true, misses: 0, lastAnsweredAt: at })
    } else if (before === true && isOwnFault) {
      target.misses = 1 // Whatever was missed meanwhile proves nothing: it is counted anew afterwards.
    } else if (target.misses >= MISSES) {
      target.answering = false
    }
    return target.answering !== before
  }

  return {
    name: 'prober',
    follow(target) {
      const known = followed.get(target.uid)
      if (known?.host === target.host) return
      followed.set(target.uid, { ...target, ...unknown, misses: 0, dueAt: 0 })
    },
    forget: uid => void followed.delete(uid),
    seen(uid) {
      const target = followed.get(uid)
      return target
        ? { answering: target.answering, since: target.since, lastAnsweredAt: target.lastAnsweredAt }
        : unknown
    },
    async run({ stop }: StopSignals) {
      const tick = (probeSeconds * 1000) / SEEKING_FACTOR / 2
      while (!stop.aborted) {
        await round(stop)
        await clock.sleep(tick, stop).catch(() => undefined)
      }
    },
  }
}

/**
 * https://docs.lizardbyte.dev/projects/sunshine/latest/nvhttp_8cpp.html: `/serverinfo`, an XML `root` with its status.
 * A connection each, closed at once: a pool for each of ten thousand machines is a hundred megabytes, and ten thousand
 * connections that stand open for one question in fifteen seconds are sockets that somebody else needs.
 */
export function serverInfo(options: { timeoutMilliseconds: number; port?: number }): Probe {
  const agent = new Agent({ keepAlive: false, maxTotalSockets: CONCURRENCY })
  const { timeoutMilliseconds: timeout, port = SERVER_INFO_PORT } = options
  return async (host, stop) => {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(timeout)])
    // Refused, unreachable, endless or too slow are all one answer: it cannot be played.
    return await answerOf({ host, port, path: '/serverinfo', agent, signal }).catch(() => false)
  }
}

function answerOf(asked: RequestOptions): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = get(asked, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
        if (text.length > ANSWER_LIMIT) request.destroy(new Error('No server info is so long.'))
      })
      response.on('end', () => resolve(response.statusCode === 200 && /<root[^>]*status_code="200"/.test(text)))
      response.on('error', reject)
    })
    request.on('error', reject)
  })
}

async function inBatches<Item, Result>(items: Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = []
  for (let start = 0; start < items.length; start += CONCURRENCY) {
    results.push(...(await Promise.all(items.slice(start, start + CONCURRENCY).map(work))))
  }
  return results
}
