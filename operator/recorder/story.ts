// Tells recorded decisions to a person, and makes each of them again to see that it comes out the same.
import { isDeepStrictEqual } from 'node:util'
import type { Decided } from '../gpuvm/controller.ts'
import type { Observed, Seen, Step } from '../gpuvm/decision.ts'
import { onRecord } from '../gpuvm/last-error.ts'
import { phases, verdictOn } from '../gpuvm/phases.ts'
import { written } from './record.ts'

export interface Replay {
  /** The same sight gives the same verdict under the phases as they are now. */
  isSame: boolean
  /** The phase that decides; `undefined` where none had anything to say. */
  phase: string | undefined
  /** Why it could not be decided again, in the words of the error. */
  error?: string
}

export function replay({ seen, verdict, hindrance }: Decided): Replay {
  // Nothing was seen, so nothing was decided.
  if (seen.observed.sight === 'None' && hindrance) return { isSame: true, phase: undefined }
  try {
    const again = verdictOn(seen)
    const deciding = phases.find(phase => {
      const { step, because, stalled } = phase(seen)
      return step ?? because ?? stalled
    })
    return {
      isSame: isDeepStrictEqual(plain({ seen, verdict: again }), plain({ seen, verdict })),
      phase: deciding?.name,
    }
  } catch (error) {
    // Another version recorded it, without something that these phases ask for; or they are mistaken. The rest is told.
    if (error instanceof TypeError) return { isSame: false, phase: undefined, error: error.message }
    throw error
  }
}

/** As it is read back: fields that are `undefined` and fields that are absent come to the same. */
function plain({ seen, verdict }: Decided): unknown {
  const { verdict: said }: { verdict?: unknown } = JSON.parse(written({ seen, verdict }))
  return said
}

/** Two or three lines a decision, and a last one that says whether all of them come out the same. */
export function story(decisions: readonly Decided[]): string {
  const told = decisions.map(decision => ({ decision, ...replay(decision) }))
  const different = told.filter(({ isSame }) => !isSame).length
  const outcome =
    different === 0
      ? `Decided again from the record, all ${told.length} come out the same.`
      : `Decided again from the record, ${different} of ${told.length} come out otherwise: the program that made them was another.`
  return [...told.flatMap(({ decision, ...replayed }) => paragraph(decision, replayed)), '', outcome].join('\n')
}

function paragraph({ seen, verdict, hindrance }: Decided, { isSame, phase, error }: Replay): string[] {
  const { step, because, stalled } = verdict
  const time = seen.now.toISOString().slice(0, 19).replace('T', ' ')
  const indent = ' '.repeat(time.length + 2)
  const did = step
    ? stepWords(step)
    : stalled
      ? 'Stalled'
      : because
        ? 'Waited'
        : hindrance
          ? 'Could not look'
          : 'Nothing to do'
  const why = stalled ?? because
  return [
    `${time}  ${did}${phase === undefined ? '' : ` (${phase})`}${isSame ? '' : '  [would be decided otherwise now]'}`,
    `${indent}saw: ${sightWords(seen)}`,
    ...(why ? [`${indent}${why.reason}: ${why.message}`] : []),
    ...(hindrance ? [`${indent}in its way: ${hindrance.code}: ${hindrance.message}`] : []),
    ...(error ? [`${indent}cannot be decided again: ${error}`] : []),
  ]
}

function stepWords(step: Step): string {
  switch (step.do) {
    case 'BeginIncarnation':
      return `BeginIncarnation ${step.priority}, ${step.reason}`
    case 'DeleteVirtualMachine':
      return `DeleteVirtualMachine of incarnation ${step.incarnation}`
    case 'DeleteResources':
      return `DeleteResources ${step.resources.map(({ kind }) => kind).join(', ')}`
    default:
      return step.do
  }
}

function sightWords({ machine, incarnation, observed, stream }: Seen): string {
  const { spec } = machine
  const wanted = `wanted ${spec.powerState} ${spec.size} ${spec.priority}, incarnation ${incarnation.number} ${incarnation.priority}`
  const heard = stream.answering === undefined ? [] : [stream.answering ? 'stream answers' : 'stream silent']
  const refused = onRecord(machine).map(({ step = 'the machine', code }) => `${step} refused by ${code}`)
  return [wanted, ...azureWords(observed), ...heard, ...refused].join('; ')
}

function azureWords({ sight, operation, virtualMachine: vm, predecessor, ...rest }: Observed): string[] {
  if (sight === 'None') return ['Azure was not asked']
  if (sight === 'Operation') return ['an operation runs']
  const { publicIPAddress, networkInterface, osDisk, copy, noted } = rest
  const snapshot = copy?.copied ?? copy?.taken
  const standing = { address: publicIPAddress, interface: networkInterface, 'OS disk': osDisk }
  const names = Object.entries(standing).flatMap(([name, resource]) => (resource ? [name] : []))
  return [
    vm ? `VM ${vm.priority} ${vm.size} ${vm.powerState}, ${vm.provisioningState}` : 'no VM',
    ...(predecessor ? [`the VM before it ${predecessor.powerState}`] : []),
    ...(names.length > 0 ? [`stands: ${names.join(', ')}`] : []),
    ...(snapshot ? [`copy of its disk ${copy?.copied ? `${snapshot.completionPercent} %` : 'begun'}`] : []),
    ...(typeof noted === 'object' ? [`Azure noted ${noted.name}`] : []),
    ...(operation ? [`the operation ${operation.is === 'Failed' ? `failed: ${operation.code}` : operation.is}`] : []),
  ]
}
