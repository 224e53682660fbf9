// The machines that run. One is told apart from its successor by the start that began it: a restart, a new VM on the
// same disk and a new disk are all new runs. A run goes: booting -> answering, until Azure tells of its stop; hanging
// while a test says so; failed when its address or port cannot be taken.

import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { Azure, GuestEvent } from './azure.ts'
import { listen, uniqueIdOf } from './sunshine.ts'

/** A port that is not free yet (a machine stopped a moment ago) is tried so often, so many milliseconds apart. */
const LISTEN_TRIES = 20
const LISTEN_DELAY = 100
/** Between tries to learn the OS disk from an Azure that is away, milliseconds. */
const IDENTITY_DELAY = 250

export interface Run {
  event: GuestEvent
  osDiskId: string | undefined
  uniqueid: string | undefined
  bootedAt: string | undefined
  error: string | undefined
  hanging: boolean
  playing: boolean
  preempt: { eventId: string; notBefore: string; started: boolean } | undefined
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
  readonly #outside: { azure: Azure; clock: Clock; random: Random }
  readonly #options: MachineOptions
  /** By resource group and name. */
  readonly #runs = new Map<string, Run>()

  constructor(outside: { azure: Azure; clock: Clock; random: Random }, options: MachineOptions) {
    this.#outside = outside
    this.#options = options
  }

  all(): Run[] {
    return [...this.#runs.values()]
  }

  find(vmName: string): Run | undefined {
    return this.all().find(({ event }) => event.vmName.toLowerCase() === vmName.toLowerCase())
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

  stopAll(): void {
    for (const key of [...this.#runs.keys()]) this.#stop(key)
  }

  #start(event: GuestEvent): void {
    this.#stop(keyOf(event))
    const run: Run = {
      event,
      osDiskId: undefined,
      uniqueid: undefined,
      bootedAt: undefined,
      error: undefined,
      hanging: false,
      playing: false,
      preempt: undefined,
      documentIncarnation: 1,
      stopped: new AbortController(),
    }
    this.#runs.set(keyOf(event), run)
    void this.#boot(run)
  }

  #warn(event: GuestEvent): void {
    const run = this.#runs.get(keyOf(event))
    if (run === undefined || event.preemptAt === undefined || run.preempt?.notBefore === event.preemptAt) return
    const eventId = uniqueIdOf({ id: run.event.vmId, generation: event.preemptAt })
    run.preempt = { eventId, notBefore: event.preemptAt, started: false }
    run.documentIncarnation += 1
  }

  #stop(key: string): void {
    this.#runs.get(key)?.stopped.abort()
    this.#runs.delete(key)
  }

  /** Never throws: what goes wrong is told in `error`, and a stop ends it silently. */
  async #boot(run: Run): Promise<void> {
    try {
      await this.#wait(this.#bootMilliseconds(run), run)
      await this.#learnIdentity(run)
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
    return Math.max(0, (varied * 1000) / speed - Math.max(0, passed))
  }

  async #learnIdentity(run: Run): Promise<void> {
    const { azure } = this.#outside
    for (;;) {
      try {
        const disk = await azure.osDisk(run.event, run.stopped.signal)
        run.osDiskId = disk?.id ?? run.event.osDiskId
        // A machine without a managed OS disk has no identity but its own.
        run.uniqueid = uniqueIdOf(disk ?? { id: run.osDiskId ?? run.event.vmId, generation: '' })
        return
      } catch {
        // Azure is away: the machine is still booting until it can be asked. A stop ends the wait.
        await this.#wait(IDENTITY_DELAY, run)
      }
    }
  }

  async #answer(run: Run): Promise<void> {
    const { publicIP, computerName, vmName } = run.event
    if (publicIP === undefined) throw new Error('The machine has no public address to answer on.')
    const at = { address: publicIP, port: this.#options.streamPort }
    const look = () => {
      const { hanging, playing, uniqueid } = run
      return hanging || uniqueid === undefined
        ? undefined
        : { ...at, hostname: computerName ?? vmName, uniqueid, playing }
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

function keyOf({ resourceGroup, vmName }: GuestEvent): string {
  return `${resourceGroup}/${vmName}`.toLowerCase()
}

function runIdOf({ vmId, time, seq }: GuestEvent): string {
  return `${vmId} ${time} ${seq}`
}
