// What is wrong with a life, by the decisions that were made and by what Azure was asked. Each throws.
import type { Decided } from '../../operator/gpuvm/controller.ts'
import { replay, story } from '../../operator/recorder/story.ts'
import type { ArmCall } from '../operator/support/azure.ts'
import type { Action } from './scenario.ts'

/** What disturbs no reply and takes no machine. */
const calm: Action['do'][] = [
  ...(['Evict', 'Pause', 'Resume', 'Suspend', 'Release', 'AwaitRest'] as const),
  ...(['End', 'PayMore', 'Connect', 'Leave', 'AwaitEnd'] as const),
]

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

/** How often an eviction was answered; of one that an operator died over, its successor's answer counts again. */
export function evictionsIn(decisions: Decided[]): number {
  return decisions.filter(
    ({ verdict: { step } }) =>
      step?.do === 'RecordEviction' || (step?.do === 'BeginIncarnation' && step.reason === 'Evicted'),
  ).length
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
