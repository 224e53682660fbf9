// A machine's life by lot: what its owner asks for, what Azure does to it, and how the operator fares, in any order.
import fc from 'fast-check'

/** Refused capacity, by the code that Azure gives for it. */
const refusals = ['SkuNotAvailable', 'AllocationFailed', 'OverconstrainedAllocationRequest'] as const

/** Calls that a fault may hit, as the simulator names them. */
const kinds = [
  'PUT publicIPAddresses',
  'PUT networkInterfaces',
  'PUT virtualMachines',
  'GET virtualMachines',
  'GET operations',
  'DELETE virtualMachines',
  'POST virtualMachines/deallocate',
  'POST virtualMachines/start',
] as const

export type Fault =
  | { loseReply: true }
  | { loseRequest: true }
  | { status: number; code: string; message: string }
  | { failLate: { code: string; message: string } }
  | { throttle: { retryAfterSeconds: number } }

export type Action =
  | { do: 'Evict' }
  | { do: 'Pause' | 'Resume' | 'Suspend' | 'Release' }
  | { do: 'ChangeSize' | 'ChangePriority' | 'ChangeClients' }
  | { do: 'RefuseCapacity'; priority: 'Spot' | 'Regular'; refusal: (typeof refusals)[number] }
  | { do: 'GrantCapacity' }
  | { do: 'Fault'; kind: (typeof kinds)[number]; fault: Fault }
  | { do: 'RestartOperator' }
  /** The operator is cut off after so many more calls that change Azure, and another begins. */
  | { do: 'KillOperator'; afterWrites: number }
  /** Somebody deletes the VM, past the operator. */
  | { do: 'DeleteVirtualMachine' }
  /** The list of the fleet is an old one for a while. */
  | { do: 'StaleLists'; times: number }
  | { do: 'AwaitRest' }

const message = 'By lot.'
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant({ loseReply: true as const }),
  fc.constant({ loseRequest: true as const }),
  fc.constantFrom(500, 503).map(status => ({ status, code: 'ServiceUnavailable', message })),
  fc.constantFrom('AllocationFailed', 'OperationPreempted', 'InternalExecutionError').map(code => ({
    failLate: { code, message },
  })),
  fc.constant({ throttle: { retryAfterSeconds: 1 } }),
)

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'Evict' as const }) },
  { weight: 5, arbitrary: fc.constant({ do: 'AwaitRest' as const }) },
  { weight: 2, arbitrary: fc.constantFrom('Pause', 'Resume', 'Suspend', 'Release').map(word => ({ do: word })) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('ChangeSize', 'ChangePriority', 'ChangeClients').map(word => ({ do: word })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('RefuseCapacity' as const),
      priority: fc.constantFrom('Spot', 'Regular'),
      refusal: fc.constantFrom(...refusals),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'GrantCapacity' as const }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('Fault' as const), kind: fc.constantFrom(...kinds), fault }) },
  { weight: 1, arbitrary: fc.constant({ do: 'RestartOperator' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('KillOperator' as const), afterWrites: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'DeleteVirtualMachine' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('StaleLists' as const), times: fc.integer({ min: 1, max: 5 }) }),
  },
)

export const scenario: fc.Arbitrary<Action[]> = fc.array(action, { minLength: 3, maxLength: 8 })

/** What its owner asks for last, when Azure does again what it is asked. */
const lasts = ['Running', 'Deallocated', 'Deleted'] as const
export type Last = (typeof lasts)[number]
export const last: fc.Arbitrary<Last> = fc.constantFrom(...lasts)

/** One line for a person. */
export function words(actions: readonly Action[]): string {
  return actions.map(one => JSON.stringify(one).replaceAll(/[{}"]/g, '').replace('do:', '')).join(' | ')
}
