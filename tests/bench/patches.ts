// The load that both clients carry: patches of the statuses of `CONCURRENCY` objects, one at a time each.
const concurrency = Number(process.env.CONCURRENCY)
const WARM_UP_SECONDS = 0.5
const SECONDS = 1.5

export interface StatusPatch {
  namespace: string
  name: string
  status: { powerState: string; vmId: string }
}

export interface Speed {
  perSecond: number
  /** Of the client's processor, for one request. */
  processorMilliseconds: number
  /** With those of the warm-up. */
  requests: number
}

/** Prints a `Speed`. */
export async function patches(patch: (wanted: StatusPatch) => Promise<void>): Promise<void> {
  const warmUp = await load(WARM_UP_SECONDS, patch)
  const began = performance.now()
  const before = process.cpuUsage()
  const requests = await load(SECONDS, patch)
  const { user, system } = process.cpuUsage(before)
  const perSecond = requests / ((performance.now() - began) / 1000)
  const processorMilliseconds = (user + system) / 1000 / requests
  console.log(JSON.stringify({ perSecond, processorMilliseconds, requests: requests + warmUp }))
}

async function load(seconds: number, patch: (wanted: StatusPatch) => Promise<void>): Promise<number> {
  const end = performance.now() + seconds * 1000
  let made = 0
  const worker = async (index: number) => {
    while (performance.now() < end) {
      await patch({
        namespace: 'bench',
        name: `m-${index}`,
        status: { powerState: 'Running', vmId: crypto.randomUUID() },
      })
      made += 1
    }
  }
  await Promise.all(Array.from({ length: concurrency }, (_, index) => worker(index)))
  return made
}
