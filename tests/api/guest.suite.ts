// What a guest agent reports, over the real API server: transitions into the machine's status, and nothing else.
import { beforeAll, describe, expect, test } from 'vitest'
import { takeReport } from '../../api/sessions/guest-report.ts'
import { GUEST_TOKEN_SECRET_KEY } from '../../crds/guest.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { secrets } from '../../lib/kube/core.ts'
import { fenced } from '../../lib/kube/fence.ts'
import { machineIn } from './machine.ts'
import type { World } from './program.ts'

const quiet = { incarnation: 1, connected: true }

export function guestsAreHeard(worldOf: () => World): void {
  describe('guests', () => {
    let world: World
    beforeAll(() => {
      world = worldOf()
    })

    const machine = (name: string) => machineIn(world, name)

    test('a transition is written; how often it is repeated writes nothing', async () => {
      const vm = await machine('quiet')
      expect((await vm.reports(quiet)).json).toMatchObject({ outcome: 'Written' })
      const first = await vm.seen()
      expect(first?.status?.guest).toMatchObject({ incarnation: 1, connected: true, reportedAt: expect.any(String) })
      expect(first?.status?.incarnation?.number).toBe(1)
      for (let each = 0; each < 5; each += 1) expect((await vm.reports(quiet)).json.outcome).toBe('Unchanged')
      expect((await vm.seen())?.metadata.resourceVersion).toBe(first?.metadata.resourceVersion)
    })

    test('changes in quick succession are debounced, but for a notice of eviction', async () => {
      const vm = await machine('flapping')
      await vm.reports(quiet)
      const idleSince = '2026-11-26T18:00:00.000Z'
      expect((await vm.reports({ ...quiet, connected: false, idleSince })).json.outcome).toBe('Debounced')
      const preemptAt = '2026-11-26T18:30:00.000Z'
      expect((await vm.reports({ ...quiet, connected: false, idleSince, preemptAt })).json.outcome).toBe('Written')
      const { guest } = (await vm.seen())?.status ?? {}
      expect(guest).toMatchObject({ connected: false })
      expect(Date.parse(guest?.preemptAt ?? '')).toBe(Date.parse(preemptAt))
      expect((await vm.reports(quiet)).json.outcome).toBe('Written') // Taken back: the notice is gone.
      expect((await vm.seen())?.status?.guest?.preemptAt).toBeUndefined()
    })

    test.each(['Freeze', 'Reboot', 'Redeploy'])(
      'a %s that Azure has announced is written at once, and goes when it is over',
      async event => {
        const vm = await machine(`announced-${event.toLowerCase()}`)
        await vm.reports(quiet)
        for (const notBefore of ['2026-11-26T18:30:00.000Z', '2026-11-26T18:45:00.000Z']) {
          const announced = { ...quiet, maintenance: { event, notBefore } }
          expect((await vm.reports(announced)).json.outcome).toBe('Written')
          expect((await vm.seen())?.status?.guest).toMatchObject(announced)
          expect((await vm.reports(announced)).json.outcome).toBe('Unchanged')
        }
        expect((await vm.reports(quiet)).json.outcome).toBe('Written')
        const { guest } = (await vm.seen())?.status ?? {}
        expect(guest).toMatchObject(quiet)
        expect(guest?.maintenance).toBeUndefined()
      },
    )

    test('one announcement in place of another is written; what is none is refused, and says what is permitted', async () => {
      const vm = await machine('announced')
      const notBefore = '2026-11-26T18:30:00.000Z'
      const freeze = { ...quiet, maintenance: { event: 'Freeze', notBefore } }
      await vm.reports(freeze)
      expect((await vm.reports({ ...quiet, maintenance: { event: 'Reboot', notBefore } })).json.outcome).toBe('Written')
      const before = await vm.seen()
      for (const { maintenance, at, says } of [
        { maintenance: { event: 'Preempt', notBefore }, at: 'event', says: '"Freeze"|"Reboot"|"Redeploy"' },
        { maintenance: { event: 'Terminate', notBefore }, at: 'event', says: '"Freeze"|"Reboot"|"Redeploy"' },
        { maintenance: { event: 'Freeze' }, at: 'notBefore', says: 'expected string' },
        { maintenance: { event: 'Freeze', notBefore: 'Mon, 19 Sep 2016 18:29:47 GMT' }, at: 'notBefore', says: 'ISO' },
        { maintenance: { ...freeze.maintenance, seconds: 5 }, at: 'seconds', says: 'Nothing of this name' },
      ]) {
        const { status, json } = await vm.reports({ ...quiet, maintenance })
        const fault = {
          at: `maintenance.${at}`,
          message: expect.stringContaining(says),
        }
        expect({ status, ...json }).toMatchObject({ status: 422, code: 'InvalidRequest', faults: [fault] })
      }
      expect((await vm.seen())?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion)
    })

    test('a machine that came after, and one that is gone, are not reported on', async () => {
      const vm = await machine('replaced')
      await vm.incarnate(2)
      expect((await vm.reports(quiet)).json.code).toBe('MachineOver')
      const { guests, namespace } = world
      for (const about of [
        { uid: crypto.randomUUID(), name: 'replaced' },
        { uid: vm.uid, name: 'gone' },
      ]) {
        const reply = await vm.reports({ ...quiet, incarnation: 2 }, await guests.sign({ ...about, namespace }))
        expect([reply.status, reply.json.code]).toEqual([404, 'MachineOver'])
      }
      expect((await vm.seen())?.status?.guest).toBeUndefined()
    })

    test('a VM replaced between the look and the report is not reported on, and other writes only make it look again', async () => {
      const { kube } = world
      const vm = await machine('raced')
      const now = new Date()
      const order = {
        machine: { ...vm.reference, uid: vm.uid },
        report: quiet,
        tokenExpiresAt: now,
        now,
        signal: new AbortController().signal,
      }
      /** The real client, before whose next write something else is written. */
      const behind = (write: () => Promise<unknown>): KubeClient => {
        const once = [write]
        return {
          ...fenced(kube, () => true),
          async mergePatch(...args) {
            await once.pop()?.()
            return await kube.mergePatch(...args)
          },
        }
      }
      const relabelled = () => kube.mergePatch(gpuVms, vm.reference, { metadata: { labels: { seen: 'yes' } } })
      expect(await takeReport({ kube: behind(relabelled) }, order)).toMatchObject({ outcome: 'Written' })
      const leaving = { ...order, report: { ...quiet, preemptAt: '2026-11-26T18:30:00.000Z' } }
      expect(await takeReport({ kube: behind(() => vm.incarnate(2)) }, leaving)).toBe('MachineOver')
      expect((await vm.seen())?.status?.guest?.preemptAt).toBeUndefined()
    })

    test('the next token is handed out when the operator has signed one that lives longer', async () => {
      const vm = await machine('paid-on')
      expect((await vm.reports(quiet)).json.token).toBeUndefined()
      const { kube, guests } = world
      const next = await guests.sign({ uid: vm.uid, ...vm.reference, seconds: 1200 })
      await kube.create(secrets, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: vm.reference,
        stringData: { [GUEST_TOKEN_SECRET_KEY]: next },
      })
      expect((await vm.reports(quiet)).json.token).toBe(next)
      expect((await vm.reports(quiet, next)).json.token).toBeUndefined()
    })

    test('a token that has expired, or whose type is another, is refused', async () => {
      const vm = await machine('late')
      const { guests } = world
      for (const over of [{ seconds: -5 }, { type: 'at+jwt' }]) {
        const token = await guests.sign({ uid: vm.uid, ...vm.reference, ...over })
        expect((await vm.reports(quiet, token)).json.code).toBe('GuestTokenInvalid')
      }
    })
  })
}
