// What was asked of Azure about each machine and when, in Azure's own log. Whose a long-running operation is, the
// machines' statuses say.
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import { follow } from './following.ts'
import { progress, type World } from './world.ts'

export interface ArmCall {
  /** Milliseconds of the epoch. */
  at: number
  kind: string
  path: string
  status: number
}

export interface Looks {
  /** All that was asked so far, in order. */
  all(): Promise<readonly ArmCall[]>
  /** What was asked about this machine and its operations; and lists of machines, which show all of them. */
  of(uid: string): Promise<ArmCall[]>
  machines: ReturnType<typeof follow<GpuVm>>['seen']
  end(): Promise<void>
}

/** Often enough that the simulator has not dropped what is to be read. */
const READ_MILLISECONDS = 3000

export function followLooks(world: World): Looks {
  const calls: ArmCall[] = []
  let next = 0
  const read = async () => {
    for (const { seq, time, kind, path, status } of await world.azure.calls(next)) {
      if (seq < next) continue
      next = seq + 1
      calls.push({ at: Date.parse(time), kind, path: path.toLowerCase(), status })
    }
  }
  let reading = Promise.resolve()
  const inTurn = () => {
    reading = reading.then(read).catch(error => progress(`The log of Azure cannot be read: ${error}`))
    return reading
  }
  const timer = setInterval(inTurn, READ_MILLISECONDS)

  const operations = new Map<string, Set<string>>()
  const machines = follow(world.kube, gpuVms)
  machines.seen.onChange(({ object: { metadata, status } }) => {
    const [, id] = /\/operations\/([0-9a-f-]{36})/i.exec(status?.operation?.poller ?? '') ?? []
    if (id === undefined || metadata.uid === undefined) return
    operations.set(metadata.uid, (operations.get(metadata.uid) ?? new Set()).add(id.toLowerCase()))
  })

  return {
    machines: machines.seen,
    async all() {
      await inTurn()
      return calls
    },
    async of(uid) {
      const its = [`gvm-${uid}-`, ...(operations.get(uid) ?? [])]
      return (await this.all()).filter(
        ({ kind, path }) => kind === 'LIST virtualMachines' || its.some(part => path.includes(part)),
      )
    },
    async end() {
      clearInterval(timer)
      await Promise.all([reading, machines.end()])
    },
  }
}

/** The first of these calls, at a time or later. Throws when there is none. */
export function firstCall(calls: readonly ArmCall[], what: string, is: (call: ArmCall) => boolean, from = 0): ArmCall {
  const found = calls.find(call => call.at >= from && is(call))
  if (found === undefined) throw new Error(`Nobody asked Azure for this: ${what}`)
  return found
}

/** The value below which so large a share of them lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
