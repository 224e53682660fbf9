// Every row of the table of Azure's errors, on a machine's PUT and late on its long-running operation: what is decided
// is done, and shown in words. The machines are one namespace's, all at once.
import { expect, test } from 'vitest'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { type Decision, decideOn, table } from '../../operator/azure/decisions.ts'
import { AzureError, BUDGET_SPENT, TENANT_UNRESOLVED, THROTTLED, UNREACHABLE } from '../../operator/azure/errors.ts'
import type { Operator } from './support/operator.ts'
import { isRefused, type Scene, STALLED_MILLISECONDS, type World } from './support/world.ts'

/** Machines at one time. */
const LANES = 8

interface Case {
  code: string
  message: string
  decision: Decision
}

/** One code a row: that all of them lead to its decision is for the table's own test. */
const rows: Case[] = table.flatMap(({ codes, says = [] }) =>
  codes
    // What is no answer of Azure's, or no code of its own, has tests elsewhere.
    .filter(code => ![UNREACHABLE, THROTTLED, BUDGET_SPENT, TENANT_UNRESOLVED].includes(code))
    .filter(() => !says.some(part => part.startsWith('AADSTS'))) // Entra's, which answers no PUT.
    .slice(0, 1)
    .map(code => {
      const message = `${says.join(' ')} Said by the simulator.`
      return { code, message, decision: decideOn(new AzureError(code, message, { status: 409 })) }
    }),
)
const unknown: Case = {
  code: 'WeHaveNeverSeenThis',
  message: 'Odd.',
  decision: decideOn(new AzureError('WeHaveNeverSeenThis', 'Odd.')),
}
const isRunning = ({ status }: GpuVm) => status?.powerState === 'Running'
const stalledFor = (reason: string) => (machine: GpuVm) => stallOf(machine)?.reason === reason
const stallOf = ({ status }: GpuVm) => condition(status?.conditions, 'Stalled')

export function refusalsAreDecidedOn(world: () => World): void {
  /** A machine whose VM Azure refuses so; its name and UID. */
  async function refused(scene: Scene, { code, message }: Case, when: 'at once' | 'late', index: number) {
    const name = `case-${index}`
    const uid = await scene.apply(name, {}, { annotations: { 'wasd.cloud/suspend': '' } })
    const outcome = when === 'at once' ? { status: 409, code, message } : { failLate: { code, message } }
    // Once for what mends itself, until it is taken back for what does not.
    const mends = ['Retry', 'LookAgain'].includes(decideOn(new AzureError(code, message)).do)
    const fault = await world().azure.fault(
      { kind: 'PUT virtualMachines', resource: uid, times: mends ? 1 : null },
      outcome,
    )
    await scene.annotate(name, { 'wasd.cloud/suspend': null })
    return { name, uid, fault }
  }

  async function isDecided(scene: Scene, { code, decision }: Case, name: string): Promise<GpuVm> {
    switch (decision.do) {
      case 'Refused': {
        const machine = await scene.machine(name, `is refused by ${code}`, isRefused)
        expect(machine.status?.lastError).toMatchObject({ code, retryable: true })
        return machine
      }
      case 'Stall':
      case 'TryAWhile': {
        const machine = await scene.machine(name, `is stalled by ${code}`, stalledFor(code))
        expect(stallOf(machine)?.message).toContain(decision.remedy)
        return machine
      }
      case 'LookAgain':
      case 'Retry':
        return await scene.machine(name, `runs in spite of ${code}`, isRunning)
      default:
        return decision satisfies never
    }
  }

  test.concurrent.each(['at once', 'late'] as const)(
    'every row of the table, %s: refused it waits with words, stalled it says the remedy, else it comes to run; nothing failed is left',
    async when => {
      const scene = await world().scene(when.replace(' ', '-'))
      const operator: Operator = scene.operate()
      const decided = async (one: Case, index: number) => {
        const { name, uid } = await refused(scene, one, when, index)
        const { status } = await isDecided(scene, one, name)
        const standing = await world().azure.of(uid)
        const puts = (await world().azure.calls(0)).filter(
          ({ kind, path }) => kind === 'PUT virtualMachines' && path.includes(uid),
        )
        if (one.decision.do === 'Stall') {
          const tooSoon = Date.parse(status?.lastError?.since ?? '') + STALLED_MILLISECONDS
          const early = puts.filter(({ time }) => Date.parse(time) < tooSoon)
          expect(early, `${one.code}: asked once, and not again before its time`).toHaveLength(1)
        }
        if (one.decision.do === 'Refused')
          await scene.until(`whoever ranks is told of ${one.code}`, async () => operator.refusals.includes(one.code))
        // Whatever failed holds neither disk nor interface: at most the successor stands.
        await scene.until(`nothing failed is left of ${one.code}`, async () =>
          (await world().azure.of(uid)).virtualMachines.every(
            ({ properties }) => properties.provisioningState !== 'Failed',
          ),
        )
        expect(standing.virtualMachines.length, one.code).toBeLessThanOrEqual(1)
        await scene.delete(name)
        await scene.gone(name)
        expect(await world().azure.standing(uid), one.code).toEqual([])
      }
      const queue = [...rows.entries()]
      const lane = async () => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) await decided(next[1], next[0])
      }
      await Promise.all(Array.from({ length: LANES }, lane))
      await scene.end()
    },
    180_000,
  )

  test.concurrent('what nobody knows is asked for a handful of times, more and more seldom, and then only seldom', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('unknown', onTestFinished)
    scene.operate()
    const { name, uid, fault } = await refused(scene, unknown, 'at once', 0)
    const shown = await scene.machine(
      name,
      'shows it',
      m => condition(m.status?.conditions, 'Reconciling')?.reason === unknown.code,
    )
    expect(shown.status?.lastError).toMatchObject({ code: unknown.code, retryable: true })
    await isDecided(scene, unknown, name)
    const asked = async () =>
      (await world().azure.calls(0)).filter(({ kind, path }) => kind === 'PUT virtualMachines' && path.includes(uid))
        .length
    expect(await asked()).toBeLessThanOrEqual(8)
    await world().azure.faultless(fault)
    await scene.change(name, { size: 'Standard_NV6ads_A10_v5' })
    await scene.machine(name, 'runs, its spec edited', isRunning)
    await scene.delete(name)
    await scene.gone(name)
  })
}
