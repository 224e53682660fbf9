// An answer of Azure's as it goes on record: what it refused at once, and what this pass sees for the first time to have
// failed late. What it means now is for refusal.ts to say, what stays on record for errors-on-record.ts.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { type Decision, decideOn } from '../azure/decisions.ts'
import { AzureError, OPERATION_FAILED } from '../azure/errors.ts'
import { isBeside } from '../beside.ts'
import { isLeaving, type LastError, type Operation, type Seen, type Step } from './decision.ts'

/** A status holds no longer text (its schema's limit). */
const MESSAGE_CHARACTERS = 4096

const stepOf = {
  Create: 'CreateVirtualMachine',
  Start: 'StartVirtualMachine',
  Redeploy: 'RedeployVirtualMachine',
  Deallocate: 'DeallocateVirtualMachine',
  Resize: undefined, // Nobody does.
  Delete: 'DeleteVirtualMachine',
} as const satisfies Record<Operation['kind'], Step['do'] | undefined>

/**
 * What this pass sees for the first time to have failed late: by the operation's poller, or by the VM's own word where
 * the poller was lost. The poller tells the innermost code alone; where nobody knows that one, the VM's word counts.
 */
export function lateFailure(seen: Seen): LastError | undefined {
  const { operation, virtualMachine: vm, late } = seen.observed
  const { lastError: known, otherError, operation: begun } = seen.machine.status ?? {}
  if (operation?.is === 'Failed') {
    const isKnown = decisionOn(operation).do !== 'TryAWhile'
    return lastError(isKnown ? operation : (vm?.failure ?? operation), seen, begun && stepOf[begun.kind])
  }
  if (late && ![known, otherError].some(error => new Date(error?.at ?? 0) >= late.at))
    return lastError(late, { ...seen, now: late.at }, late.step)
  if (vm?.provisioningState !== 'Failed' || vm.powerState === 'Running') return undefined
  // Of one that is to go, or to bear other tags, the operation tells, and how it stands.
  const isTold = (step: Step['do']) => [known, otherError].some(error => error?.step === step)
  if (isLeaving(seen.machine) && isTold('DeleteVirtualMachine')) return undefined
  if (vm.ownerUid !== seen.uid && isTold('Retag')) return undefined
  const unexplained = { code: OPERATION_FAILED, message: 'Azure says that provisioning failed, and does not say why.' }
  const failure = lastError(vm.failure ?? unexplained, seen)
  return known?.code === failure.code && known.message === failure.message ? undefined : failure
}

/** What is on record of the spec as it is: what an older one was refused is no word on this one. */
export function onRecord({ status, metadata }: GpuVm): LastError[] {
  if (status?.observedGeneration !== metadata.generation) return []
  return [status?.lastError, status?.otherError].filter(error => error !== undefined)
}

/** As it goes on record. A word like the one before, on the same step, leaves it on record since when it is heard. */
export function lastError(
  { code: told, message }: { code: string; message: string },
  { machine, now }: Seen,
  step?: Step['do'],
): LastError {
  const text = message.slice(0, MESSAGE_CHARACTERS)
  const code = told.slice(0, 128)
  const { do: decided } = decisionOn({ code, message: text })
  const { lastError: last, otherError } = machine.status ?? {}
  const at = now.toISOString()
  const known = [last, otherError].find(
    error => error && (error.step ?? step) === (step ?? error.step) && isLike(error, { code, decided }),
  )
  const since = known?.since ?? known?.at ?? at
  return { code, message: text, retryable: decided !== 'Stall', ...(step && { step }), at, since }
}

/** Two codes by turns, of what is tried for a while alone, are tried no longer than one. */
function isLike(known: LastError, { code, decided }: { code: string; decided: Decision['do'] }): boolean {
  return known.code === code || (forAWhile.includes(decided) && forAWhile.includes(decisionOn(known).do))
}

const forAWhile: Decision['do'][] = ['TryAWhile', 'LookAgain', 'Retry']

/**
 * The decision on what is on record. Silence and throttling never get there, so whatever does is an answer, though it
 * came late and without an HTTP status.
 */
export function decisionOn({ code, message }: { code: string; message: string }): Decision {
  return decideOn(new AzureError(code, message, { status: 400 }))
}

export function isOfRemoval({ step }: { step?: string | undefined }): boolean {
  return step === 'DeleteVirtualMachine' || step === 'DeleteResources'
}

/** Whose a machine that stands is tagged, and who may reach it, is no matter of what becomes of it. */
export function holdsUpNothing(
  error: { step?: string | undefined },
  seen: Pick<Seen, 'machine' | 'observed'>,
): boolean {
  return isStanding(seen) && isBeside(error)
}

/** Where Azure was not asked for the machine now, it is where it was. */
function isStanding({ machine, observed }: Pick<Seen, 'machine' | 'observed'>): boolean {
  if (observed.sight === 'Whole') return observed.virtualMachine !== undefined
  return (machine.status?.powerState ?? 'Absent') !== 'Absent'
}
