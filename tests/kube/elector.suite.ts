import { describe, expect, onTestFinished, test } from 'vitest'
import { leases, microTime } from '../../lib/kube/core.ts'
import { type Elector, elector } from '../../lib/kube/elector.ts'
import { fenced } from '../../lib/kube/fence.ts'
import { manager } from '../../lib/kube/manager.ts'
import { systemClock } from '../../lib/process/clock.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf, makeRuntime, metric, newNamespace, until, untilTestEnds, widget, widgets } from './fixtures.ts'
import { startProxy } from './proxy.ts'

const SHORT = { leaseSeconds: 2, renewDeadlineSeconds: 1.2, retrySeconds: 0.1 }

export function electorBehaves(server: () => ApiServer): void {
  const setUp = async () => {
    const namespace = await newNamespace(server())
    const lease = { namespace, name: 'leader' }
    const candidate = (
      identity: string,
      { port = server().port, leaseSeconds = SHORT.leaseSeconds, clock = systemClock, random = Math.random } = {},
    ) => {
      const client = clientOf(server().credentials({ port }))
      const runtime = { ...makeRuntime(), clock, random }
      return { runtime, client, elector: elector({ runtime, client, lease, identity, ...SHORT, leaseSeconds }) }
    }
    const writer = clientOf(server().credentials())
    return { namespace, lease, candidate, writer, record: () => writer.get(leases, lease) }
  }

  /** Leads until `resign`, and keeps a record of when. */
  const campaign = (candidate: Elector, name: string, log: string[]) => {
    const resignation = Promise.withResolvers<void>()
    const leading = Promise.withResolvers<AbortSignal>()
    const outcome = candidate.run({
      signal: untilTestEnds(),
      onStartedLeading: async signal => {
        log.push(`${name} leads`)
        leading.resolve(signal)
        const lost = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
        await Promise.race([resignation.promise, lost])
        log.push(`${name} ends`)
      },
    })
    onTestFinished(async () => {
      resignation.resolve()
      await outcome
    })
    return { resign: () => resignation.resolve(), leading: leading.promise, outcome }
  }

  describe('elector', () => {
    test('two race and one leads; released, the other leads at its next look', async () => {
      const { candidate, record } = await setUp()
      const log: string[] = []
      const long = { leaseSeconds: 3600 } // Nobody waits for it to run out: the release alone lets the other lead.
      const [a, b] = [candidate('a', long), candidate('b', long)]
      const runs = { a: campaign(a.elector, 'a', log), b: campaign(b.elector, 'b', log) }
      await Promise.race([runs.a.leading, runs.b.leading])
      const [first, second] = log[0] === 'a leads' ? ([a, b] as const) : ([b, a] as const)
      const [leader, waiting] = log[0] === 'a leads' ? ([runs.a, runs.b] as const) : ([runs.b, runs.a] as const)
      await until(() => second.elector.leader() === first.elector.leader())
      expect(first.elector.holds()).toBe(true)
      expect(second.elector.holds()).toBe(false)
      expect(log).toHaveLength(1)

      leader.resign()
      expect(await leader.outcome).toBe('Released')
      await waiting.leading
      expect(first.elector.holds()).toBe(false)
      expect(log).toHaveLength(3)
      const held = await record()
      expect(held?.spec).toMatchObject({ leaseTransitions: 1, leaseDurationSeconds: 3600 })
      expect(held?.spec?.renewTime).toMatch(/\.\d{6}Z$/)
      expect(await metric(second.runtime, 'leader_election_master_status{name="leader"}')).toBe(1)
      expect(await metric(first.runtime, 'leader_election_master_status{name="leader"}')).toBe(0)
    })

    test('who waits asks again after one to 2.2 times the retry, by chance; who leads renews after one', async () => {
      const { candidate } = await setUp()
      const pauses = { a: [] as number[], b: [] as number[] }
      const slow = { leaseSeconds: 3600 } // Nobody takes over.
      const chances = [0, 0.5, 0.25, 0.999]
      const noted = (name: 'a' | 'b') => ({
        ...systemClock,
        sleep: async (milliseconds: number, signal?: AbortSignal) => {
          if (milliseconds < 500) pauses[name].push(Math.round(milliseconds)) // Longer ones are deadlines.
          await systemClock.sleep(milliseconds, signal)
        },
      })
      const a = campaign(candidate('a', { ...slow, clock: noted('a') }).elector, 'a', [])
      await a.leading
      let asked = 0
      const random = () => chances[asked++ % chances.length] ?? 0
      const b = candidate('b', { ...slow, clock: noted('b'), random })
      const stop = new AbortController()
      const waiting = b.elector.run({ signal: stop.signal, onStartedLeading: async () => {} })
      await until(() => pauses.b.length >= chances.length && pauses.a.length >= chances.length)
      expect(pauses.b.slice(0, chances.length)).toEqual([100, 160, 130, 220])
      expect(new Set(pauses.a)).toEqual(new Set([100]))
      stop.abort()
      expect(await waiting).toBe('Stopped')
    })

    test.each([
      ['ahead', 3600],
      ['behind', -3600],
    ])(
      'a clock an hour %s of the leader’s neither takes its lease from it nor waits longer when it is dead',
      async (_, skew) => {
        const { candidate, lease, writer, record } = await setUp()
        let [asked, elapsed] = [0, 0]
        const clock = {
          now: () => new Date(systemClock.now().getTime() + skew * 1000),
          monotonic: () => elapsed,
          sleep: (milliseconds: number, signal?: AbortSignal) => {
            if (milliseconds >= 500) return systemClock.sleep(milliseconds, signal) // A deadline.
            asked += 1
            return systemClock.sleep(milliseconds / 10, signal)
          },
        }
        const leaseSeconds = 600
        const renew = async () => {
          const found = await record()
          const spec = {
            holderIdentity: 'a',
            leaseDurationSeconds: leaseSeconds,
            renewTime: microTime(systemClock.now()),
          }
          const { apiVersion, kind } = leases
          if (found) await writer.replace(leases, { ...found, spec })
          else await writer.create(leases, { apiVersion, kind, metadata: lease, spec })
        }
        const b = candidate('b', { leaseSeconds, clock, random: () => 0 })
        /** The second wait from now on begins after an attempt that began after now. */
        const askedAgain = async () => {
          const before = asked
          await until(() => asked >= before + 2)
        }

        await renew()
        const log: string[] = []
        const run = campaign(b.elector, 'b', log)
        await askedAgain()
        for (let renewal = 1; renewal <= 2; renewal++) {
          elapsed += (leaseSeconds - 1) * 1000
          await askedAgain()
          await renew()
          await askedAgain()
        }
        elapsed += (leaseSeconds - 1) * 1000 // Since the last renewal, which was a dying one's.
        await askedAgain()
        expect(log).toEqual([])
        expect(b.elector.leader()).toBe('a')
        elapsed += 1000
        await run.leading
        expect((await record())?.spec?.holderIdentity).toBe('b')
      },
    )

    test('renews for as long as it leads', async () => {
      const { candidate, record } = await setUp()
      const a = candidate('a')
      const run = campaign(a.elector, 'a', [])
      await run.leading
      const first = await record()
      await until(async () => (await record())?.spec?.renewTime !== first?.spec?.renewTime)
      expect((await record())?.spec?.acquireTime).toBe(first?.spec?.acquireTime)
      expect(a.elector.healthy()).toBe(true)
    })

    test('a leader out of reach stops before another may begin', async () => {
      const { candidate } = await setUp()
      const proxy = await startProxy(server().port)
      onTestFinished(() => proxy.close())
      const log: string[] = []
      const [a, b] = [candidate('a', { port: proxy.port }), candidate('b')]
      const runA = campaign(a.elector, 'a', log)
      const leading = await runA.leading
      const runB = campaign(b.elector, 'b', log)
      await until(() => b.elector.leader() === 'a')
      proxy.become('Silent')
      expect(await runA.outcome).toBe('Lost')
      expect(leading.aborted).toBe(true)
      expect(a.elector.holds()).toBe(false)
      proxy.cut()
      await runB.leading
      expect(log).toEqual(['a leads', 'a ends', 'b leads'])
    })

    test('a leader whose name is taken out of the record ends at once, and its fenced client writes no more', async () => {
      const { candidate, record, writer, namespace } = await setUp()
      const a = candidate('a')
      const run = campaign(a.elector, 'a', [])
      const client = fenced(a.client, () => a.elector.holds())
      await run.leading
      await client.create(widgets, widget(namespace, 'while-leading'))
      await until(async () => {
        const held = await record()
        if (!held) return false
        const spec = { ...held.spec, holderIdentity: 'usurper' }
        return await writer.replace(leases, { ...held, spec }).catch(() => false)
      })
      expect(await run.outcome).toBe('Lost')
      await expect(client.create(widgets, widget(namespace, 'after'))).rejects.toMatchObject({ code: 'NotLeading' })
      expect((await record())?.spec?.holderIdentity).toBe('usurper')
    })

    test('is unhealthy while it believes to lead, long after its lease: a probe restarts what hangs', async () => {
      const { candidate } = await setUp()
      let skipped = 0
      const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + skipped }
      const a = candidate('a', { clock })
      const parts = manager({ runtime: a.runtime, reflectors: [], controllers: [], elector: a.elector })
      const run = campaign(a.elector, 'a', [])
      await run.leading
      expect(parts.isHealthy()).toBe(true)
      skipped = 2 * SHORT.leaseSeconds * 1000 // As if the process had slept: nothing in it has run since.
      expect(a.elector.holds()).toBe(false)
      expect(parts.isHealthy()).toBe(false)
      expect(await run.outcome).toBe('Lost')
      expect(parts.isHealthy()).toBe(true) // It knows now, and leads no more.
    })

    test('somebody’s label on the lease costs a leader nothing but a second look', async () => {
      const { candidate, lease, writer } = await setUp()
      const a = candidate('a')
      const run = campaign(a.elector, 'a', [])
      await run.leading
      await writer.mergePatch(leases, lease, { metadata: { labels: { seen: 'yes' } } })
      await until(async () => (await metric(a.runtime, 'leader_election_slowpath_total{name="leader"}')) > 0)
      expect(a.elector.holds()).toBe(true)
      run.resign()
      expect(await run.outcome).toBe('Released')
    })

    test('a stopped standby leaves without the lease, and impossible times are refused', async () => {
      const { candidate, record } = await setUp()
      const a = candidate('a')
      await campaign(a.elector, 'a', []).leading
      const b = candidate('b')
      const stop = new AbortController()
      const run = b.elector.run({ signal: stop.signal, onStartedLeading: async () => {} })
      await until(() => b.elector.leader() === 'a')
      stop.abort()
      expect(await run).toBe('Stopped')
      expect((await record())?.spec?.holderIdentity).toBe('a')
      const lease = { namespace: 'n', name: 'a' }
      const wrong = { ...b, lease, identity: 'b', leaseSeconds: 10, renewDeadlineSeconds: 15 }
      expect(() => elector(wrong)).toThrow(RangeError)
    })
  })
}
