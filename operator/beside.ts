// What Azure may refuse of a machine that stands and hold up nothing of it: whose it is tagged, and who may reach it. It is
// played on, started and stopped all the same, for the machine's own controller as for its session's.
import type { Step } from './gpuvm/decision.ts'

/** By an error on record: of a step that its status names. */
type OfStep = { step?: string | undefined }

export function isBeside(error: OfStep): boolean {
  return isOfTags(error) || isOfNetwork(error)
}

export function isOfTags({ step }: OfStep): boolean {
  return step === ('Retag' satisfies Step['do'])
}

/** Of what a machine stands on, and of the rules about who may reach it. */
export function isOfNetwork({ step }: OfStep): boolean {
  return step !== undefined && ofNetwork.includes(step)
}

const ofNetwork: string[] = [
  'PutPublicIPAddress',
  'PutNetworkSecurityGroup',
  'PutNetworkInterface',
] satisfies Step['do'][]
