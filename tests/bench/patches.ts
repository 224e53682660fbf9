// The load that both clients carry: patches of the statuses of `CONCURRENCY` objects, one at a time each. It runs for as many
// seconds as a line on standard input says, and answers each line by one.
import { createInterface } from 'node:readline'

const concurrency = Number(process.env.CONCURRENCY)

export interface StatusPatch {
  namespace: string
  name: string
  status: { powerState: 'Running'; vmId: string }
}

export interface Speed {
  perSecond: number
  /** Of the client's processor, for one request. */
  processorMilliseconds: number
  requests: number
}

/** Until standard input ends. */
export async function patches(patch: (wanted: StatusPatch) => Promise<void>): Promise<void> {
  for await (const seconds of createInterface(process.stdin)) {
    console.log(JSON.stringify(await turn(Number(seconds), patch)))
  }
}

async function turn(seconds: number, patch: (wanted: StatusPatch) => Promise<void>): Promise<Speed> {
  const began = performance.now()
  const before = process.cpuUsage()
  let requests = 0
  const worker = async (index: number) => {
    while (performance.now() - began < seconds * 1000) {
      const status = { powerState: 'Running' as const, vmId: crypto.randomUUID() }
      await patch({ namespace: 'bench', name: `m-${index}`, status })
      requests += 1
    }
  }
  await Promise.all(Array.from({ length: concurrency }, (_, index) => worker(index)))
  const { user, system } = process.cpuUsage(before)
  return {
    perSecond: requests / ((performance.now() - began) / 1000),
    processorMilliseconds: (user + system) / 1000 / requests,
    requests,
  }
}
