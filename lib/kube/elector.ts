// One leader at a time, by a Lease that the leader renews (https://kubernetes.io/docs/concepts/architecture/leases/).
//
// waiting   another's record stands. Left when the record has not changed for its lease by our own clock (no clock
//           but our own is believed), when the holder has let go, or when the program stops.
// leading   renewing. Left when the work is done (the lease is released, and the next one leads at its next look), or
//           when no renewal succeeded before the deadline, or another's name stands in the record: lost.
//
// This is no fence by itself: a process that was stopped and wakes up believes what it believed. `holds` is judged by
// the clock at the moment of asking, and `fenced` clients ask it before every write.
import { pause, withDeadline } from './abort.ts'
import type { KubeClient } from './client.ts'
import { type Lease, leases, microTime } from './core.ts'
import { isKubeError, KubeError } from './errors.ts'
import type { ObjectReference } from './resource.ts'
import type { Runtime } from './runtime.ts'

export interface ElectorOptions {
  runtime: Runtime
  /** Best one of its own, so that a renewal never waits behind other calls. */
  client: KubeClient
  lease: ObjectReference
  /** Unique per process: the pod's name, and something random. */
  identity: string
  /** How long others wait after our last sign of life. Default 15; whole seconds. */
  leaseSeconds?: number
  /** How long we go on without a successful renewal. Default 10; below `leaseSeconds`. */
  renewDeadlineSeconds?: number
  /** Between two attempts; waiting ones up to 2.2 times as long, so that they do not all come at once. Default 2. */
  retrySeconds?: number
}

export interface Elector {
  /**
   * Waits for the lease, then calls `onStartedLeading`, and renews until that settles; then releases the lease.
   * `signal` ends the waiting; a leader ends by letting `onStartedLeading` settle once its work is drained. `leading`
   * is aborted when the lease is lost: every write must stop. Rejects with what `onStartedLeading` rejects with.
   */
  run(options: {
    signal: AbortSignal
    onStartedLeading: (leading: AbortSignal) => Promise<void>
    onNewLeader?: (identity: string) => void
  }): Promise<'Stopped' | 'Released' | 'Lost'>
  /** Whether the lease is ours beyond doubt at this moment, by the monotonic clock. May be handed on by itself. */
  readonly holds: () => boolean
  /** The holder last seen. */
  leader(): string | undefined
  /** False when we lead and a renewal is overdue by more than the whole lease: the process should be restarted. */
  healthy(): boolean
}

export function elector(options: ElectorOptions): Elector {
  const { leaseSeconds = 15, renewDeadlineSeconds = 10, retrySeconds = 2 } = options
  if (!Number.isInteger(leaseSeconds) || renewDeadlineSeconds >= leaseSeconds || retrySeconds >= renewDeadlineSeconds) {
    throw new RangeError(
      `The lease (${leaseSeconds} s, whole seconds) must be longer than the renew deadline (${renewDeadlineSeconds} s), and that longer than the retry (${retrySeconds} s).`,
    )
  }
  return new LeaseElector({ ...options, leaseSeconds, renewDeadlineSeconds, retrySeconds })
}

/** client-go `tools/leaderelection`. */
const JITTER = 1.2

/** Another holds the lease, or was faster. */
class NotOurs extends Error {}

class LeaseElector implements Elector {
  readonly #options: Required<ElectorOptions>
  /** The record last seen, and when by our clock it was first seen so. */
  #seen: { lease: Lease; record: string; at: number } | undefined
  /** When the last successful attempt began; `undefined` while not leading. */
  #renewedAt: number | undefined
  #onNewLeader: ((identity: string) => void) | undefined

  constructor(options: Required<ElectorOptions>) {
    this.#options = options
    options.runtime.metrics.leading.set({ name: options.lease.name }, 0)
    options.runtime.metrics.slowpath.inc({ name: options.lease.name }, 0)
  }

  readonly holds = (): boolean => {
    const overdue = this.#overdueSeconds()
    return overdue !== undefined && overdue < this.#options.renewDeadlineSeconds
  }

  leader(): string | undefined {
    return this.#seen?.lease.spec?.holderIdentity
  }

  healthy(): boolean {
    const overdue = this.#overdueSeconds()
    return overdue === undefined || overdue < this.#options.leaseSeconds * 2
  }

  async run(options: Parameters<Elector['run']>[0]): Promise<'Stopped' | 'Released' | 'Lost'> {
    const { signal, onStartedLeading } = options
    const { runtime, lease } = this.#options
    this.#onNewLeader = options.onNewLeader
    if (!(await this.#acquire(signal))) return 'Stopped'

    runtime.log.info({ lease: lease.name }, 'Leading')
    runtime.metrics.leading.set({ name: lease.name }, 1)
    const lost = new AbortController()
    const done = new AbortController()
    const renewing = this.#renew({ done: done.signal, lost })
    try {
      await onStartedLeading(lost.signal)
    } finally {
      done.abort()
      await renewing
      if (!lost.signal.aborted) await this.#release()
      this.#renewedAt = undefined
      runtime.metrics.leading.set({ name: lease.name }, 0)
    }
    return lost.signal.aborted ? 'Lost' : 'Released'
  }

  async #acquire(signal: AbortSignal): Promise<boolean> {
    const { runtime, retrySeconds, renewDeadlineSeconds } = this.#options
    let isTold = false
    while (!signal.aborted) {
      try {
        await this.#attempt(signal, renewDeadlineSeconds)
        return true
      } catch (error) {
        if (signal.aborted) return false
        if (!isTold && !(error instanceof NotOurs)) runtime.log.warn({ error }, 'Cannot ask for the lease; retrying')
        isTold = !(error instanceof NotOurs)
      }
      await pause(runtime.clock, retrySeconds * (1 + JITTER * runtime.random()), signal)
    }
    return false
  }

  async #renew({ done, lost }: { done: AbortSignal; lost: AbortController }): Promise<void> {
    const { runtime, retrySeconds, renewDeadlineSeconds, lease } = this.#options
    const give = (error: unknown) => {
      runtime.log.error({ lease: lease.name, error }, 'Lost the lease')
      this.#renewedAt = undefined
      lost.abort(new KubeError('NotLeading', 'The lease is lost.'))
    }
    let failure: unknown
    for (;;) {
      await pause(runtime.clock, retrySeconds, done)
      if (done.aborted) return
      const leftSeconds = renewDeadlineSeconds - (this.#overdueSeconds() ?? renewDeadlineSeconds)
      if (leftSeconds <= 0) return give(failure ?? 'no renewal before the deadline')
      try {
        await this.#attempt(done, leftSeconds)
      } catch (error) {
        if (done.aborted) return
        if (error instanceof NotOurs) return give(error)
        if (failure === undefined) runtime.log.warn({ lease: lease.name, error }, 'Cannot renew the lease; retrying')
        failure = error
        continue
      }
      failure = undefined
    }
  }

  /** Takes or renews the lease, or throws `NotOurs`, or what the server or the wire threw. */
  async #attempt(signal: AbortSignal, seconds: number): Promise<void> {
    const { clock } = this.#options.runtime
    const began = clock.monotonic()
    const reason = new KubeError('Timeout', `No answer about the lease in ${seconds} s.`)
    await withDeadline({ clock, signal, seconds, reason }, async within => {
      if (this.#renewedAt !== undefined && (await this.#renewFast(within))) return
      await this.#takeOrRenew(within)
    })
    // Judged from the beginning of the attempt: the server may have written at any time since.
    this.#renewedAt = began
  }

  /** One write upon what we wrote last; false when somebody wrote in between. */
  async #renewFast(signal: AbortSignal): Promise<boolean> {
    if (this.#seen === undefined) return false
    try {
      await this.#write(this.#seen.lease, signal)
      return true
    } catch (error) {
      if (!isKubeError(error, 'Conflict', 'NotFound')) throw error
      this.#options.runtime.metrics.slowpath.inc({ name: this.#options.lease.name })
      return false
    }
  }

  async #takeOrRenew(signal: AbortSignal): Promise<void> {
    const { client, lease: reference, identity, runtime } = this.#options
    const found = await client.get(leases, reference, { signal })
    if (found !== undefined) {
      this.#see(found)
      const holder = found.spec?.holderIdentity
      if (holder && holder !== identity && this.#isFresh()) throw new NotOurs(`${holder} holds the lease.`)
      if (holder !== identity && this.#renewedAt !== undefined) throw new NotOurs('The lease was taken away.')
    }
    try {
      await this.#write(found, signal)
    } catch (error) {
      if (!isKubeError(error, 'Conflict', 'AlreadyExists')) throw error
      runtime.log.debug({ lease: reference.name }, 'another was faster at the lease')
      throw new NotOurs('Another was faster.')
    }
  }

  async #write(found: Lease | undefined, signal: AbortSignal): Promise<void> {
    const { client, lease: reference, identity, leaseSeconds, runtime } = this.#options
    const renewTime = microTime(runtime.clock.now())
    const isOurs = found?.spec?.holderIdentity === identity
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: leaseSeconds,
      acquireTime: isOurs ? (found.spec?.acquireTime ?? renewTime) : renewTime,
      renewTime,
      leaseTransitions: (found?.spec?.leaseTransitions ?? 0) + (isOurs || found === undefined ? 0 : 1),
    }
    if (found !== undefined) return this.#see(await client.replace(leases, { ...found, spec }, { signal }))
    const { namespace, name } = reference
    const metadata = namespace === undefined ? { name } : { namespace, name }
    this.#see(
      await client.create(leases, { apiVersion: leases.apiVersion, kind: leases.kind, metadata, spec }, { signal }),
    )
  }

  /** Lets go, so that the next one need not wait for the lease to run out. When that fails, it has to. */
  async #release(): Promise<void> {
    const { client, identity, runtime, renewDeadlineSeconds, lease: reference } = this.#options
    const { clock, log } = runtime
    const reason = new KubeError('Timeout', 'No answer about the release of the lease.')
    const deadline = { clock, signal: new AbortController().signal, seconds: renewDeadlineSeconds, reason }
    try {
      await withDeadline(deadline, async signal => {
        // Read first: the last renewal may have been written without its answer having come.
        const lease = await client.get(leases, reference, { signal })
        if (lease?.spec?.holderIdentity !== identity) return
        const now = microTime(clock.now())
        const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now }
        await client.replace(leases, { ...lease, spec }, { signal })
      })
      log.info({ lease: reference.name }, 'Released the lease')
    } catch (error) {
      log.warn({ lease: reference.name, error }, 'Could not release the lease; it runs out by itself')
    }
  }

  #see(lease: Lease): void {
    const record = JSON.stringify(lease.spec ?? {})
    const before = this.leader()
    const at = this.#seen?.record === record ? this.#seen.at : this.#options.runtime.clock.monotonic()
    this.#seen = { lease, record, at }
    const holder = this.leader()
    if (holder && holder !== before) this.#onNewLeader?.(holder)
  }

  /** Whether the record seen may still be its holder's word. */
  #isFresh(): boolean {
    if (this.#seen === undefined) return false
    const { lease, at } = this.#seen
    const seconds = lease.spec?.leaseDurationSeconds ?? this.#options.leaseSeconds
    return this.#options.runtime.clock.monotonic() - at < seconds * 1000
  }

  #overdueSeconds(): number | undefined {
    if (this.#renewedAt === undefined) return undefined
    return (this.#options.runtime.clock.monotonic() - this.#renewedAt) / 1000
  }
}
