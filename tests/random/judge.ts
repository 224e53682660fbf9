// What is wrong with a life, by the decisions that were made and by what Azure was asked. Each throws.
import type { Decided } from '../../operator/gpuvm/controller.ts'
import { replay, story } from '../../operator/recorder/story.ts'
import type { ArmCall, AzureWorld } from '../operator/support/azure.ts'
import type { Action } from './scenario.ts'
import type { Troupe } from './troupe.ts'

/** What a life is judged by. */
export interface Life {
  azure: AzureWorld
  troupe: Troupe
  /** Of Azure's record, where it began. */
  began: number
  /** The names that its machines bear; one of a name may be followed by another. */
  names: readonly string[]
  actions: readonly Action[]
}

/** What disturbs no reply and takes no machine. */
const calm: Action['do'][] = [
  ...(['Evict', 'Pause', 'Resume', 'Suspend', 'Release', 'AwaitRest'] as const),
  ...(['End', 'PayMore', 'Connect', 'Leave', 'AwaitEnd'] as const),
]

/** Of all that was decided and asked so far. */
export async function judge({ azure, troupe, began, names, actions }: Life): Promise<void> {
  const calls = await azure.calls(began)
  for (const [uid, decisions] of decisionsByUid(troupe, names)) {
    const its = calls.filter(({ path, status }) => path.includes(uid) && status > 0)
    judgeCreations(its)
    judgeDeletions(its, decisions, actions)
    judgeDecisions(decisions, actions)
  }
}

/** Of each machine that there is or was. */
export function decisionsByUid(troupe: Troupe, names: readonly string[]): Map<string, Decided[]> {
  return Map.groupBy(names.flatMap(troupe.decisions), ({ seen }) => seen.uid)
}

/** A life that failed, as a person needs it: how far it had come, what stands, how its objects are, and its story. */
export async function failed(
  { azure, troupe, names }: Life,
  how: { error: unknown; done: readonly Action[]; last: string; objects: readonly unknown[] },
): Promise<Error> {
  const { error, done, last, objects } = how
  const machines = decisionsByUid(troupe, names)
  const standing = (await Promise.all([...machines.keys()].map(async uid => await azure.standing(uid)))).flat()
  const told = [
    `After ${done.length} of the actions, ${last} last: ${error instanceof Error ? error.message : error}`,
    `In Azure: ${standing.join(', ') || 'nothing'}`,
    ...objects.map(object => JSON.stringify(object, null, 1)),
    ...[...machines.values()].map(story),
  ]
  return new Error(told.join('\n'), { cause: error })
}

export function judgeDecisions(decisions: Decided[], actions: readonly Action[]): void {
  const otherwise = decisions.filter(decision => !replay(decision).isSame)
  if (otherwise.length > 0) throw new Error(`Decided otherwise from the record:\n${story(otherwise)}`)
  const isLost = decisions.some(
    ({ verdict: { step } }) => step?.do === 'BeginIncarnation' && step.reason === 'MachineLost',
  )
  if (isLost && !isTaken(actions)) throw new Error('I6: a machine was lost although nobody took it.')
  const isForgotten = decisions.some(({ seen }) => seen.observed.operation?.is === 'Forgotten')
  if (isForgotten && actions.every(action => calm.includes(action.do)))
    throw new Error('Nothing was disturbed, and what resumes an operation was lost.')
}

/** Once a machine's PUT was accepted, only the refusal that one of its name exists may answer another. */
export function judgeCreations(calls: ArmCall[]): void {
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

/** Whatever is deleted was decided to be deleted before that, under its own number, with the next one on record or all given up. */
export function judgeDeletions(calls: ArmCall[], decisions: Decided[], actions: readonly Action[]): void {
  if (isTaken(actions)) return
  const decided = decisions.flatMap(({ seen, verdict: { step } }) => {
    if (step?.do !== 'DeleteVirtualMachine') return []
    const isGivenUp = seen.machine.metadata.deletionTimestamp !== undefined
    if (!isGivenUp && seen.incarnation.number <= step.incarnation)
      throw new Error(`I1: vm-${step.incarnation} was to be deleted before the next number was on record.`)
    return [{ name: `vm-${step.incarnation}`, at: seen.now.getTime() }]
  })
  for (const { path, time } of calls.filter(({ kind }) => kind === 'DELETE virtualMachines')) {
    const name = /-(vm-\d+)(?:\?|$)/.exec(path)?.[1] ?? path
    const at = new Date(time).getTime()
    if (!decided.some(one => one.name === name && one.at <= at))
      throw new Error(`I6: ${name} was deleted although nobody decided so.`)
  }
}

function isTaken(actions: readonly Action[]): boolean {
  return actions.some(action => action.do === 'DeleteVirtualMachine')
}
