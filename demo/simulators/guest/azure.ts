// What is read of the Azure simulator: the feed of its machines' lives. Its shape is in that simulator's README; only what
// is used here is parsed.
import { readFile } from 'node:fs/promises'
import { Agent, fetch } from 'undici'
import { z } from 'zod'

const guestEvent = z.object({
  seq: z.int(),
  time: z.iso.datetime(),
  vmName: z.string(),
  resourceGroup: z.string(),
  region: z.string().optional(),
  vmId: z.string(),
  publicIP: z.string().optional(),
  privateIP: z.string().optional(),
  state: z.enum(['running', 'stopped']),
  preemptAt: z.iso.datetime().optional(),
  reason: z.string(),
  tags: z.record(z.string(), z.string()).default({}),
  osDiskId: z.string().optional(),
  /** What differs when a disk is made anew under the same name. */
  osDiskUniqueId: z.string().optional(),
  computerName: z.string().optional(),
  userData: z.string().optional(),
})
export type GuestEvent = z.infer<typeof guestEvent>

const feedBody = z.object({ events: z.array(guestEvent), next: z.int() })

export interface Azure {
  /** The feed from its start, at once. Throws when Azure cannot be reached. */
  allGuests(signal: AbortSignal): Promise<{ events: GuestEvent[]; next: number }>
  /** Everything since `next`, waited for some seconds. Throws when Azure cannot be reached. */
  guestsSince(next: number, signal: AbortSignal): Promise<{ events: GuestEvent[]; next: number }>
}

/** Real seconds of one long poll. */
const WAIT_SECONDS = 25

export function connectAzure(given: { url: string; caFile: string | undefined }): Azure {
  const base = given.url.replace(/\/+$/, '')
  let dispatcher: Agent | undefined

  /** A failed connection is not used again: an Azure that comes back may bring a new certificate authority. */
  async function get(path: string, signal: AbortSignal): Promise<unknown> {
    const agent = dispatcher ?? (await connection())
    dispatcher = agent
    const timeout = AbortSignal.timeout((WAIT_SECONDS + 10) * 1000)
    try {
      const response = await fetch(base + path, { dispatcher: agent, signal: AbortSignal.any([signal, timeout]) })
      if (!response.ok) throw new Error(`GET ${path} was answered by ${response.status}`)
      return await response.json()
    } catch (error) {
      if (!signal.aborted && dispatcher === agent) dispatcher = undefined
      throw error
    }
  }

  async function connection(): Promise<Agent> {
    return new Agent({ connect: given.caFile === undefined ? {} : { ca: await readFile(given.caFile, 'utf8') } })
  }

  return {
    allGuests: async signal => feedBody.parse(await get('/simulator/guests?since=0', signal)),
    guestsSince: async (next, signal) => {
      return feedBody.parse(await get(`/simulator/guests?since=${next}&waitSeconds=${WAIT_SECONDS}`, signal))
    },
  }
}
