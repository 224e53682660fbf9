// Plays a machine's life on the real operator and looks at Azure while it runs: a second machine, a lost address or disk,
// anything left behind, and a decision that does not come out the same from its record are each an error.
import { isDeepStrictEqual } from 'node:util'
import type { Zone } from '../../crds/catalogue.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import type { AzureState } from '../operator/support/azure.ts'
import type { Plant } from '../operator/support/operator.ts'
import { isPlayable, isReady, type Scene, type World } from '../operator/support/world.ts'
import { deeds } from './deeds.ts'
import { failed, judge, type Life } from './judge.ts'
import { looks } from './looks.ts'
import type { Place } from './place.ts'
import { staysAtRest } from './rest.ts'
import { isBoundToRest, type Last, type MachineAction } from './scenario.ts'
import { troupe } from './troupe.ts'

const NAME = 'solo'
const SUSPEND = 'wasd.cloud/suspend'
/** For one that may be kept from resting, a short while: what it does meanwhile is looked at. Else what does not come is an error. */
export const REST_SECONDS = 3
/** So long the last wish stands while what went wrong goes on going wrong. */
export const AMID_SECONDS = 1

export interface Stage {
  world: World
  scene: Scene
  place: Place
  last?: Last
  /** The last wish comes before the faults are over. */
  isWishedAmid?: boolean
  copyOf?: string
  /** I7: at rest it is watched for a while. */
  isRestWatched?: boolean
  plant?: Plant
  /** What cannot come about, by the plant. */
  neverComes?: string | undefined
}

export interface Played {
  /** That Azure carried out. */
  evictions: number
  incarnations: number
  decisions: number
}

/** Where zones are used, whoever changes the size changes the zone with it. */
function nextZone(zone: Zone): Zone {
  return zone === '1' ? '2' : zone === '2' ? '3' : '1'
}

/** As somebody writes it who knows the region; with disks of its own beside the system's. */
function specIn({ place, copyOf }: Stage) {
  const sku = place.zones ? ('StandardSSD_ZRS' as const) : ('StandardSSD_LRS' as const)
  const zonal = place.zones && { zone: place.zones[0] }
  const data = { name: 'saves', lun: 1, sizeGiB: 64, sku }
  const disks = { os: { sizeGiB: 128, sku, ...(copyOf !== undefined && { copyOf }) }, data: [data] }
  return { region: place.region, size: place.sizes[0], ...zonal, disks }
}

/** Throws with what was wrong, the actions so far and the operator's own story. */
export async function play(stage: Stage, actions: readonly MachineAction[]): Promise<Played> {
  const { world, scene, place, last = 'Running', isWishedAmid = false, plant, neverComes } = stage
  const { azure, clock } = world
  const operators = troupe(scene, { ...(plant && { plant }) })
  operators.begin()
  const uid = await scene.apply(NAME, specIn(stage))
  const began = await azure.mark()
  const uids = () => [uid]
  const { look, until, atMost } = looks({ azure, clock, uids, neverComes })
  const { act: deed, calm, evictions } = deeds({ world, place, troupe: operators, uids })
  const life: Life = { azure, troupe: operators, began, names: [NAME], actions }

  const machine = async (is: (machine: GpuVm) => boolean) => (await scene.machineWhen(NAME, is)) !== undefined

  /** As it says, and as Azure says. */
  async function isAtRest(states: AzureState[]): Promise<boolean> {
    const machines = states.flatMap(({ virtualMachines }) => virtualMachines)
    const isRunning = machines.some(({ simulator }) => simulator.powerState === 'running')
    return await machine(one => isReady(one) && isRunning === (one.spec.powerState !== 'Deallocated'))
  }

  async function act(action: MachineAction): Promise<void> {
    switch (action.do) {
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
      case 'ChangeOnEviction': {
        const now = (await scene.get(NAME))?.spec.onEviction
        return void (await scene.change(NAME, { onEviction: now === 'Wait' ? 'Regular' : 'Wait' }))
      }
      case 'ChangeClients': {
        const now = (await scene.get(NAME))?.spec.clientCIDRs?.[0]
        return void (await scene.change(NAME, {
          clientCIDRs: [now === '203.0.113.0/24' ? '198.51.100.0/24' : '203.0.113.0/24'],
        }))
      }
      case 'AwaitRest':
        return await (isBoundToRest(done) ? until('it rests', isAtRest) : atMost(REST_SECONDS, isAtRest))
      default:
        return await deed(action)
    }
  }

  async function wish(): Promise<void> {
    const now = await scene.get(NAME)
    if (now === undefined || now.metadata.deletionTimestamp !== undefined) return // It was wished amid the faults.
    await scene.annotate(NAME, { [SUSPEND]: null })
    if (last === 'Deleted') await scene.delete(NAME)
    else await scene.change(NAME, { powerState: last })
  }

  /** The faults are over, and what is asked for can be had: it has to come about. */
  async function settle(): Promise<void> {
    if (isWishedAmid) {
      await wish()
      await atMost(AMID_SECONDS, async states => last !== 'Deleted' && (await isAtRest(states)))
    }
    await calm()
    await wish()
    if (last === 'Deleted') return // In the midst of whatever is left to be done.
    if (last === 'Running')
      await until('it is playable', async states => (await isAtRest(states)) && (await machine(isPlayable)))
    else await until('it is at rest', isAtRest)
    await judgePower(...(last === 'Running' ? [['running']] : [['deallocated'], []]))
  }

  /** By Azure's own word: a machine that is only stopped keeps its host, and costs. */
  async function judgePower(...permitted: string[][]): Promise<void> {
    const states = (await azure.of(uid)).virtualMachines.map(({ simulator }) => simulator.powerState)
    if (permitted.some(each => isDeepStrictEqual(each, states))) return
    throw new Error(`It says that it is ${last}, and Azure: ${states.join(', ') || 'there is no machine'}.`)
  }

  async function leave(): Promise<void> {
    await scene.delete(NAME)
    await until('it is gone', async () => await scene.isGone(NAME))
    await until('I2: nothing of it stands in Azure', async () => (await azure.standing(uid)).length === 0)
  }

  const done: MachineAction[] = []
  try {
    for (const action of actions) {
      done.push(action)
      await act(action)
      await look()
    }
    await settle()
    await look() // At what stands now, whenever that came about.
    const settled = await scene.get(NAME)
    if (last !== 'Deleted') await judge(life) // Else it is in the midst of a step, which is told when it is done.
    if (last !== 'Deleted' && stage.isRestWatched) {
      await staysAtRest({ world, namespace: scene.namespace, troupe: operators, uids: [uid] })
    }
    await leave()
    await judge(life)
    return {
      evictions: evictions(),
      incarnations: settled?.status?.incarnation?.number ?? 0,
      decisions: operators.decisions(NAME).length,
    }
  } catch (error) {
    const object = await scene.get(NAME).catch(() => undefined)
    throw await failed(life, { error, done, last, objects: [object] })
  }
}
