// The machines that run. One is told apart from its successor by the start that began it: a restart, a new VM on the
// same disk and a new disk are all new runs. A run goes: booting -> answering, until Azure tells of its stop; hanging
// while a test says so; failed when its address or port cannot be taken.

import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { GuestEvent } from './azure.ts'
import { listen, uniqueIdOf } from './sunshine.ts'

/** A port that is not free yet (a machine stopped a moment ago) is tried so often, so many milliseconds apart. */
const LISTEN_TRIES = 20
const LISTEN_DELAY = 100

/** Azure's words for what it does to a machine that runs. */
export const MAINTENANCE = ['Freeze', 'Reboot', 'Redeploy'] as const
type EventType = 'Preempt' | (typeof MAINTENANCE)[number]

/** As the metadata service tells of it: from the notice until it is over or called off. */
export interface ScheduledEvent {
  type: EventType
  eventId: string
  notBefore: string
  started: boolean
}

export interface Run {
  event: GuestEvent
  uniqueid: string
  bootedAt: string | undefined
  error: string | undefined
  hanging: boolean
  playing: boolean
  /** One of a type at most. */
  scheduled: ScheduledEvent[]
  /** Raised by every change of the scheduled events. */
  documentIncarnation: number
  stopped: AbortController
}

export interface MachineOptions {
  bootSeconds: number
  speed: number
  jitter: number
  streamPort: number
}

export class Machines {
  readonly #outside: { clock: Clock; random: Random }
  readonly #options: MachineOptions
  /** By resource group and name. */
  readonly #runs = new Map<string, Run>()
  /** Their keys, by the name alone. */
  readonly #named = new Map<string, Set<string>>()

  constructor(outside: { clock: Clock; random: Random }, options: MachineOptions) {
    this.#outside = outside
    this.#options = options
  }

  all(): Run[] {
    return [...this.#runs.values()]
  }

  find(vmName: string): Run | undefined {
    const [key = ''] = this.#named.get(vmName.toLowerCase()) ?? []
    return this.#runs.get(key)
  }

  /** Follows events in their order. */
  apply(events: GuestEvent[]): void {
    for (const event of events) {
      if (event.state === 'stopped') this.#stop(keyOf(event))
      else if (event.reason === 'preempt') this.#warn(event)
      else this.#start(event)
    }
  }

  /** The whole story anew: what it does not tell of any more is stopped, what still runs is left alone. */
  replace(events: GuestEvent[]): void {
    const last = new Map<string, GuestEvent[]>()
    for (const event of events) {
      const key = keyOf(event)
      if (event.state === 'stopped') last.delete(key)
      else if (event.reason === 'preempt') last.get(key)?.push(event)
      else last.set(key, [event])
    }
    for (const [key, run] of this.#runs) {
      const start = last.get(key)?.[0]
      if (start === undefined || runIdOf(start) !== runIdOf(run.event)) this.#stop(key)
    }
    for (const [key, [start, ...warnings]] of last) {
      if (start === undefined) continue
      if (!this.#runs.has(key)) this.#start(start)
      for (const warning of warnings) this.#warn(warning)
    }
  }

  /** Azure tells the machine what it is going to do to it. */
  announce(run: Run, { type, noticeSeconds }: { type: EventType; noticeSeconds: number }): void {
    const milliseconds = (noticeSeconds * 1000) / this.#options.speed
    schedule(run, type, new Date(this.#outside.clock.now().getTime() + milliseconds).toISOString())
  }

  /** It is over, or does not come. */
  withdraw(run: Run, type: EventType): void {
    const left = run.scheduled.filter(one => one.type !== type)
    if (left.length < run.scheduled.length) run.documentIncarnation += 1
    run.scheduled = left
  }

  stopAll(): void {
    for (const key of [...this.#runs.keys()]) this.#stop(key)
  }

  #start(event: GuestEvent): void {
    const key = keyOf(event)
    this.#stop(key)
    const run: Run = {
      event,
      // A machine without a managed OS disk has no identity but its own.
      uniqueid: uniqueIdOf({ id: event.osDiskId ?? event.vmId, generation: event.osDiskUniqueId ?? '' }),
      bootedAt: undefined,
      error: undefined,
      hanging: false,
      playing: false,
      scheduled: [],
      documentIncarnation: 1,
      stopped: new AbortController(),
    }
    this.#runs.set(key, run)
    const name = event.vmName.toLowerCase()
    this.#named.set(name, (this.#named.get(name) ?? new Set<string>()).add(key))
    void this.#boot(run)
  }

  #warn(event: GuestEvent): void {
    const run = this.#runs.get(keyOf(event))
    if (run !== undefined && event.preemptAt !== undefined) schedule(run, 'Preempt', event.preemptAt)
  }

  #stop(key: string): void {
    const run = this.#runs.get(key)
    if (run === undefined) return
    run.stopped.abort()
    this.#runs.delete(key)
    const name = run.event.vmName.toLowerCase()
    const keys = this.#named.get(name)
    keys?.delete(key)
    if (keys?.size === 0) this.#named.delete(name)
  }

  /** Never throws: what goes wrong is told in `error`, and a stop ends it silently. */
  async #boot(run: Run): Promise<void> {
    try {
      await this.#wait(this.#bootMilliseconds(run), run)
      await this.#answer(run)
      run.bootedAt = this.#outside.clock.now().toISOString()
    } catch (error) {
      if (!run.stopped.signal.aborted) run.error = error instanceof Error ? error.message : String(error)
    }
  }

  /** Counted from Azure's own time of the start, so that a late reader does not boot late. */
  #bootMilliseconds(run: Run): number {
    const { bootSeconds, speed, jitter } = this.#options
    const { clock, random } = this.#outside
    const varied = bootSeconds * (1 + jitter * (2 * random.fraction() - 1))
    const passed = clock.now().getTime() - Date.parse(run.event.time)
    return Math.max(0, (varied * 1000) / speed - passed)
  }

  async #answer(run: Run): Promise<void> {
    const { publicIP, computerName, vmName } = run.event
    if (publicIP === undefined) throw new Error('The machine has no public address to answer on.')
    const at = { address: publicIP, port: this.#options.streamPort }
    const look = () => {
      const { hanging, playing, uniqueid } = run
      return hanging ? undefined : { ...at, hostname: computerName ?? vmName, uniqueid, playing }
    }
    for (let tries = 1; ; tries += 1) {
      try {
        const server = await listen(at, look)
        const { signal } = run.stopped
        if (signal.aborted) server.close()
        else signal.addEventListener('abort', server.close, { once: true })
        return
      } catch (error) {
        const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
        if (!inUse || tries >= LISTEN_TRIES) throw error
        await this.#wait(LISTEN_DELAY, run)
      }
    }
  }

  /** Throws when the machine is stopped. */
  async #wait(milliseconds: number, run: Run): Promise<void> {
    run.stopped.signal.throwIfAborted()
    await this.#outside.clock.sleep(milliseconds, run.stopped.signal)
  }
}

/** Twice told is told once. */
function schedule(run: Run, type: EventType, notBefore: string): void {
  if (run.scheduled.some(one => one.type === type && one.notBefore === notBefore)) return
  const eventId = uniqueIdOf({ id: run.event.vmId, generation: `${type} ${notBefore}` })
  const others = run.scheduled.filter(one => one.type !== type)
  run.scheduled = [...others, { type, eventId, notBefore, started: false }]
  run.documentIncarnation += 1
}

function keyOf({ resourceGroup, vmName }: GuestEvent): string {
  return `${resourceGroup}/${vmName}`.toLowerCase()
}

function runIdOf({ vmId, time, seq }: GuestEvent): string {
  return `${vmId} ${time} ${seq}`
}
