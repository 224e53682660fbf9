// Faults set by hand: which calls they hit, and what becomes of those.
import { z } from 'zod'
import type { World } from './state.ts'

const detail = z.strictObject({
  code: z.string().min(1),
  message: z.string().optional(),
  target: z.string().optional(),
})
const innererror = z.strictObject({
  code: z.string().min(1).optional(),
  get innererror() {
    return innererror.optional()
  },
})
const failure = detail.extend({
  message: z.string(),
  details: z.array(detail).optional(),
  innererror: innererror.optional(),
})

const outcome = z.union([
  failure.extend({
    status: z.int().min(400).max(599),
    retryAfterSeconds: z.number().min(0).optional(),
  }),
  z.strictObject({ failLate: failure }),
  z.strictObject({
    workSeconds: z
      .number()
      .min(0)
      .max(7 * 86_400),
  }),
  z.strictObject({ failCopy: z.strictObject({ message: z.string() }) }),
  z.strictObject({ loseReply: z.literal(true) }),
  z.strictObject({ loseRequest: z.literal(true) }),
  z.strictObject({ holdBack: z.literal(true) }),
  z.strictObject({ delaySeconds: z.number().min(0).max(3600) }),
  z.strictObject({ stale: z.literal(true) }),
  z.strictObject({ throttle: z.strictObject({ retryAfterSeconds: z.number().min(0) }) }),
])

const match = z.strictObject({
  method: z.string().optional(),
  kind: z.string().optional(),
  resource: z.string().optional(),
  nth: z.int().min(1).default(1),
  times: z.int().min(1).nullable().default(1),
})

const shape = z.strictObject({ match: match.prefault({}), outcome })

/** The outcome may also be called `then`. */
export const faultBody = z.preprocess(body => {
  if (typeof body !== 'object' || body === null || !('then' in body)) return body
  const { then, ...rest } = body
  return { ...rest, outcome: then }
}, shape)

type FaultBody = z.infer<typeof shape>
export type FaultOutcome = FaultBody['outcome']

export interface Fault extends FaultBody {
  id: string
  /** Matching calls so far. */
  seen: number
  /** Hits still to come; `null` is for ever. */
  left: number | null
}

export function addFault(world: World, body: FaultBody): Fault {
  world.nextFault += 1
  const fault = { ...body, id: `fault-${world.nextFault}`, seen: 0, left: body.match.times }
  world.faults.push(fault)
  return fault
}

/** The first fault that hits this call; counts the call in every fault that it matches. */
export function faultFor(world: World, call: { method: string; kind: string; path: string }): Fault | undefined {
  let hit: Fault | undefined
  for (const fault of world.faults) {
    if (!matches(fault, call)) continue
    fault.seen += 1
    if (hit !== undefined || fault.left === 0 || fault.seen < fault.match.nth) continue
    if (fault.left !== null) fault.left -= 1
    hit = fault
  }
  return hit
}

function matches({ match }: Fault, call: { method: string; kind: string; path: string }): boolean {
  const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase()
  if (match.method !== undefined && !same(match.method, call.method)) return false
  if (match.kind !== undefined) {
    const [, withoutVerb = ''] = call.kind.split(' ')
    if (!same(match.kind, call.kind) && !same(match.kind, withoutVerb)) return false
  }
  return match.resource === undefined || call.path.toLowerCase().includes(match.resource.toLowerCase())
}
