// What nobody owns goes, and what somebody owns stays, even when the cluster seems to be empty.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import { isPlayable, startWorld, type World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => await world?.stop())

test('I2: what an abandoned object left is swept, and its neighbour plays on', async ({ onTestFinished }) => {
  const { azure } = world
  const scene = await world.scene('swept', onTestFinished)
  const first = scene.operate()
  const left = await scene.apply('left')
  const kept = await scene.apply('kept')
  await scene.machine('left', 'is playable', isPlayable)
  await scene.machine('kept', 'is playable', isPlayable)

  const refusal = { status: 403, code: 'AuthorizationFailed', message: 'The client does not have authorization.' }
  await azure.fault({ method: 'DELETE', resource: left, times: null }, refusal)
  await scene.delete('left')
  const stuck = await scene.machine('left', 'is stuck', m => condition(m.status?.conditions, 'Stalled') !== undefined)
  expect(stuck.status?.phase).toBe('Deleting')
  expect(condition(stuck.status?.conditions, 'Stalled')?.message).toContain("Grant the operator's identity the role")
  await scene.annotate('left', { 'wasd.cloud/abandon': '' })
  await scene.gone('left')
  await scene.until('it is told what was left', async () => (await scene.eventsOf('left')).includes('Abandoned'))
  expect((await azure.standing()).filter(name => name.includes(left))).toHaveLength(4)

  await first.stop()
  await azure.faultless()
  const dry = scene.operate({ sweep: true, isSweepDryRun: true })
  const orphans = async () => (await dry.registry.getSingleMetric('wasd_sweeper_orphans')?.get())?.values[0]?.value
  await scene.until('the orphans are seen', async () => (await orphans()) === 4)
  await dry.stop()
  expect((await azure.standing()).filter(name => name.includes(left))).toHaveLength(4)
  scene.operate({ sweep: true })
  await scene.until('the orphans are swept', async () => !(await azure.standing()).some(name => name.includes(left)))
  expect((await azure.standing()).filter(name => name.includes(kept))).toHaveLength(4)
  await scene.delete('kept')
  await scene.gone('kept')
  expect(await azure.standing()).toEqual([])
})

test('I2: a cluster that names no owner at all stops the sweep, loudly', async ({ onTestFinished }) => {
  const { azure } = world
  const scene = await world.scene('lost', onTestFinished)
  const first = scene.operate()
  for (const name of ['one', 'two']) await scene.apply(name)
  for (const name of ['one', 'two']) await scene.machine(name, 'is playable', isPlayable)
  await first.stop()
  for (const name of ['one', 'two']) await scene.lose(name)
  const before = await azure.standing()

  const { registry } = scene.operate({ sweep: true })
  const halted = async () => (await registry.getSingleMetric('wasd_sweeper_halted')?.get())?.values[0]?.value
  await scene.until('the sweep is halted', async () => (await halted()) === 1)
  expect(await azure.standing()).toEqual(before)
})
