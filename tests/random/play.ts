// Plays a scenario on the real operator and looks at Azure while it runs: a second machine, a lost address or disk,
// anything left behind, and a decision that does not come out the same from its record are each an error.
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Zone } from '../../crds/catalogue.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { createAzure } from '../../operator/azure/sdk.ts'
import type { Decided } from '../../operator/gpuvm/controller.ts'
import { read } from '../../operator/recorder/record.ts'
import { replay, story } from '../../operator/recorder/story.ts'
import type { ArmCall } from '../operator/support/azure.ts'
import type { Operator, OperatorOptions, Plant } from '../operator/support/operator.ts'
import { isPlayable, isReady, type Scene, type World } from '../operator/support/world.ts'
import type { Action, Last } from './scenario.ts'

const NAME = 'solo'
const SUSPEND = 'wasd.cloud/suspend'
/** Looks at Azure so often while it waits. */
const LOOK_MILLISECONDS = 25
/** A state that does not come in this time is told as what is still pending. */
const PATIENCE_SECONDS = 60
/** For a machine that was kept from resting, a short while: what it does meanwhile is looked at. */
const REST_SECONDS = 3

export interface Stage {
  world: World
  scene: Scene
  place: Place
  last?: Last
  copyOf?: string
  plant?: Plant
  patienceSeconds?: number
}

export interface Place {
  region: string
  resourceGroup: string
  subscriptionId: string
  /** Two of one driver class. Nobody else may play with their capacity at the same time. */
  sizes: [string, string]
  /** Absent where the region is not used by zones. */
  zones?: readonly Zone[] | undefined
}

export interface Played {
  evictions: number
  incarnations: number
  decisions: number
}

/** Where zones are used, whoever changes the size changes the zone with it. */
function nextZone(zone: Zone): Zone {
  return zone === '1' ? '2' : zone === '2' ? '3' : '1'
}

/** Throws with what was wrong, the actions so far and the operator's own story. */
export async function play(stage: Stage, actions: readonly Action[]): Promise<Played> {
  const { world, scene, place, last = 'Running', copyOf, plant, patienceSeconds: patience = PATIENCE_SECONDS } = stage
  const { azure } = world
  const operators: Operator[] = []
  const operate = (more: Partial<OperatorOptions> = {}) => {
    const operator = scene.operate({ sweep: true, ...(plant && { plant }), ...more })
    operators.push(operator)
    return operator
  }
  operate()
  const sku = place.zones ? ('StandardSSD_ZRS' as const) : ('StandardSSD_LRS' as const)
  const os = { sizeGiB: 128, sku, ...(copyOf !== undefined && { copyOf }) }
  const zonal = place.zones && { zone: place.zones[0] }
  const uid = await scene.apply(NAME, { region: place.region, size: place.sizes[0], ...zonal, disks: { os } })
  const kept = new Map<string, string>()
  const faults: string[] = []
  const began = await azure.mark()

  /** What must hold at any moment. */
  async function look(): Promise<void> {
    const { virtualMachines, disks, publicIPAddresses } = await azure.of(uid)
    const running = virtualMachines.filter(({ simulator }) => isCosting(simulator.powerState))
    if (running.length > 1) throw new Error(`I1: two machines run: ${running.map(({ name }) => name).join(', ')}`)
    for (const { id, properties } of disks) remember(id, properties.uniqueId ?? '', 'OS disk')
    for (const { id, properties } of publicIPAddresses) remember(id, properties.ipAddress ?? '', 'address')
  }

  /** I6: what is there once stays what it is. */
  function remember(id: string, identity: string, what: string): void {
    const before = kept.get(id)
    if (identity === '') return
    if (before !== undefined && before !== identity)
      throw new Error(`I6: the ${what} is another: ${before}, ${identity}`)
    kept.set(id, identity)
  }

  async function until(what: string, is: () => Promise<boolean>, patienceSeconds = patience): Promise<boolean> {
    const deadline = Date.now() + patienceSeconds * 1000
    for (;;) {
      await look()
      if (await is()) return true
      if (Date.now() > deadline) {
        if (patienceSeconds < patience) return false
        throw new Error(`Still pending after ${patienceSeconds} s: ${what}`)
      }
      await delay(LOOK_MILLISECONDS)
    }
  }

  const machine = async (is: (machine: GpuVm) => boolean): Promise<boolean> => {
    const found = await scene.get(NAME)
    return found !== undefined && is(found)
  }

  /** As it says, and as Azure says. */
  async function isAtRest(): Promise<boolean> {
    const { virtualMachines } = await azure.of(uid)
    const isRunning = virtualMachines.some(({ simulator }) => simulator.powerState === 'running')
    return await machine(one => isReady(one) && isRunning === (one.spec.powerState !== 'Deallocated'))
  }

  async function capacity(available: number | null, priorities: string[], refusal?: string): Promise<void> {
    for (const size of place.sizes)
      for (const priority of priorities)
        await azure.capacity(available, { region: place.region, size, priority, ...(refusal && { refusal }) })
  }

  /** One leads at a time: who comes in place of one that died meanwhile is stopped too. */
  async function stopLast(): Promise<void> {
    for (let stopped: unknown; stopped !== operators.at(-1); ) {
      const last = operators.at(-1)
      await last?.stop()
      stopped = last
    }
  }

  async function act(action: Action): Promise<void> {
    switch (action.do) {
      case 'Evict': {
        const { virtualMachines } = await azure.of(uid)
        const spot = virtualMachines.find(
          ({ properties, simulator }) => properties.priority === 'Spot' && simulator.powerState === 'running',
        )
        if (spot) await azure.evict(spot.name).catch(() => undefined) // It stops by itself just now.
        return
      }
      case 'Pause':
        return void (await scene.change(NAME, { powerState: 'Deallocated' }))
      case 'Resume':
        return void (await scene.change(NAME, { powerState: 'Running' }))
      case 'Suspend':
        return void (await scene.annotate(NAME, { [SUSPEND]: '' }))
      case 'Release':
        return void (await scene.annotate(NAME, { [SUSPEND]: null }))
      case 'ChangeSize': {
        const spec = (await scene.get(NAME))?.spec
        const size = spec?.size === place.sizes[0] ? place.sizes[1] : place.sizes[0]
        return void (await scene.change(NAME, { size, ...(spec?.zone && { zone: nextZone(spec.zone) }) }))
      }
      case 'ChangePriority': {
        const now = (await scene.get(NAME))?.spec.priority
        return void (await scene.change(NAME, { priority: now === 'Spot' ? 'Regular' : 'Spot' }))
      }
      case 'ChangeClients': {
        const now = (await scene.get(NAME))?.spec.clientCIDRs?.[0]
        return void (await scene.change(NAME, {
          clientCIDRs: [now === '203.0.113.0/24' ? '198.51.100.0/24' : '203.0.113.0/24'],
        }))
      }
      case 'RefuseCapacity':
        return await capacity(0, [action.priority], action.refusal)
      case 'GrantCapacity':
        return await capacity(null, ['Spot', 'Regular'])
      case 'Fault': {
        // An operation's address does not say whose it is: whoever asks next is hit.
        const its = action.kind === 'GET operations' ? {} : { resource: uid }
        faults.push(await azure.fault({ kind: action.kind, ...its }, action.fault))
        return
      }
      case 'RestartOperator':
        await stopLast()
        operate()
        return
      case 'KillOperator': {
        await stopLast()
        const doomed = operate({ cut: { after: action.afterWrites, counting: 'changes' } })
        void doomed.died.then(async () => {
          await doomed.stop()
          if (operators.at(-1) === doomed) operate()
        })
        return
      }
      case 'DeleteVirtualMachine': {
        const { virtualMachines } = await azure.of(uid)
        const [victim] = virtualMachines.filter(({ simulator }) => simulator.powerState === 'running')
        const { subscriptionId, resourceGroup, region } = place
        if (victim)
          await createAzure(azure.settings)
            .deleteVirtualMachine({ subscriptionId, resourceGroup, region }, victim.name, AbortSignal.timeout(10_000))
            .catch(() => undefined) // Azure is busy with it: then nobody deleted it.
        return
      }
      case 'StaleLists':
        faults.push(await azure.fault({ kind: 'LIST virtualMachines', times: action.times }, { stale: true }))
        return
      case 'AwaitRest':
        return void (await until('it rests', isAtRest, REST_SECONDS))
      default:
        return action satisfies never
    }
  }

  /** The faults are over, and what is asked for can be had: it has to come about. */
  async function settle(): Promise<void> {
    await capacity(null, ['Spot', 'Regular'])
    for (const id of faults) await azure.faultless(id)
    await scene.annotate(NAME, { [SUSPEND]: null })
    switch (last) {
      case 'Running':
        await scene.change(NAME, { powerState: last })
        await until('it is playable', async () => (await isAtRest()) && (await machine(isPlayable)))
        return await judgePower(['running'])
      case 'Deallocated':
        await scene.change(NAME, { powerState: last })
        await until('it is at rest', isAtRest)
        return await judgePower(['deallocated'], [])
      case 'Deleted':
        return // In the midst of whatever is left to be done.
      default:
        return last satisfies never
    }
  }

  /** By Azure's own word: a machine that is only stopped keeps its host, and costs. */
  async function judgePower(...permitted: string[][]): Promise<void> {
    const states = (await azure.of(uid)).virtualMachines.map(({ simulator }) => simulator.powerState)
    if (permitted.some(each => isDeepStrictEqual(each, states))) return
    throw new Error(`It says that it is ${last}, and Azure: ${states.join(', ') || 'there is no machine'}.`)
  }

  async function leave(): Promise<void> {
    await scene.delete(NAME)
    await until('it is gone', async () => (await scene.get(NAME)) === undefined)
    await until('I2: nothing of it stands in Azure', async () => (await azure.standing(uid)).length === 0)
  }

  const decisions = () =>
    operators.flatMap(({ recorded }) => recorded.of({ namespace: scene.namespace, name: NAME }).map(read))

  /** Of all that was decided and asked so far. */
  async function judge(): Promise<void> {
    judgeDecisions(decisions(), actions)
    const calls = (await azure.calls(began)).filter(({ path, status }) => path.includes(uid) && status > 0)
    judgeCalls(calls)
    if (actions.every(action => action.do !== 'DeleteVirtualMachine')) judgeDeletions(calls, decisions())
  }

  const done: Action[] = []
  try {
    for (const action of actions) {
      done.push(action)
      await act(action)
      await look()
    }
    await settle()
    const settled = await scene.get(NAME)
    await judge()
    await leave()
    await judge()
    return {
      evictions: settled?.status?.evictions ?? 0,
      incarnations: settled?.status?.incarnation?.number ?? 0,
      decisions: decisions().length,
    }
  } catch (error) {
    const object = JSON.stringify(await scene.get(NAME).catch(() => undefined), null, 1)
    const standing = (await azure.standing(uid)).join(', ')
    const text = `After ${done.length} of the actions, ${last} last: ${error instanceof Error ? error.message : error}`
    throw new Error([text, `In Azure: ${standing || 'nothing'}`, object, story(decisions())].join('\n'), {
      cause: error,
    })
  }
}

/** What disturbs no reply and takes no machine. */
const calm: Action['do'][] = ['Evict', 'Pause', 'Resume', 'Suspend', 'Release', 'AwaitRest']

function judgeDecisions(decisions: Decided[], actions: readonly Action[]): void {
  const otherwise = decisions.filter(decision => !replay(decision).isSame)
  if (otherwise.length > 0) throw new Error(`Decided otherwise from the record:\n${story(otherwise)}`)
  const isLost = decisions.some(
    ({ verdict: { step } }) => step?.do === 'BeginIncarnation' && step.reason === 'MachineLost',
  )
  if (isLost && actions.every(action => action.do !== 'DeleteVirtualMachine'))
    throw new Error('I6: a machine was lost although nobody took it.')
  const isForgotten = decisions.some(({ seen }) => seen.observed.operation?.is === 'Forgotten')
  if (isForgotten && actions.every(action => calm.includes(action.do)))
    throw new Error('Nothing was disturbed, and what resumes an operation was lost.')
}

/** Once a machine's PUT was accepted, only the refusal that one of its name exists may answer another. */
function judgeCalls(calls: ArmCall[]): void {
  const accepted = new Set<string>()
  for (const { kind, path, status } of calls) {
    const name = path.toLowerCase().replace(/\?.*$/, '')
    if (kind === 'DELETE virtualMachines') accepted.delete(name)
    if (kind !== 'PUT virtualMachines') continue
    if (accepted.has(name) && status !== 412 && status !== 429)
      throw new Error(`I1: ${name} was asked for twice (${status}).`)
    if (status < 300) accepted.add(name)
  }
}

/** Whatever is deleted was decided to be deleted, under its own number. */
function judgeDeletions(calls: ArmCall[], decisions: Decided[]): void {
  const decided = new Set(
    decisions.flatMap(({ verdict: { step } }) =>
      step?.do === 'DeleteVirtualMachine' ? [`vm-${step.incarnation}`] : [],
    ),
  )
  for (const { path } of calls.filter(({ kind }) => kind === 'DELETE virtualMachines')) {
    const name = /-(vm-\d+)(?:\?|$)/.exec(path)?.[1] ?? path
    if (!decided.has(name)) throw new Error(`I6: ${name} was deleted although nobody decided so.`)
  }
}

function isCosting(powerState: string | null | undefined): boolean {
  return powerState === 'running' || powerState === 'starting'
}
