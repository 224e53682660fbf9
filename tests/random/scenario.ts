// A life by lot, of a machine or of a whole session: what its owner asks for, what Azure does to it, and how the operator
// fares, in any order.
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

/** What befalls a machine and its operator, whoever asked for it. */
export type Deed =
  | { do: 'Evict' }
  | { do: 'RefuseCapacity'; priority: 'Spot' | 'Regular' | 'Any'; refusal: (typeof refusals)[number] }
  | { do: 'GrantCapacity' }
  | { do: 'Fault'; kind: (typeof kinds)[number]; fault: Fault }
  | { do: 'RestartOperator' }
  /** The operator is cut off after so many more calls that change Azure, and another begins. */
  | { do: 'KillOperator'; afterWrites: number }
  /** Somebody deletes the VM, past the operator. */
  | { do: 'DeleteVirtualMachine' }
  /** The list of the fleet is an old one for a while. */
  | { do: 'StaleLists'; times: number }

type Common = Deed | { do: 'Pause' | 'Resume' | 'Suspend' | 'Release' | 'AwaitRest' }

export type MachineAction = Common | { do: 'ChangeSize' | 'ChangePriority' | 'ChangeClients' | 'ChangeOnEviction' }

/** `Connect` and `Leave` are what the agent on the machine reports of the player. */
export type SessionAction = Common | { do: 'End' | 'PayMore' | 'Connect' | 'Leave' | 'AwaitEnd' }

export type Action = MachineAction | SessionAction

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

/** Mostly one at a time. */
const common: fc.WeightedArbitrary<Common | Common[]>[] = [
  { weight: 4, arbitrary: fc.constant({ do: 'Evict' as const }) },
  { weight: 5, arbitrary: fc.constant({ do: 'AwaitRest' as const }) },
  // At rest on spot it is evicted for sure, however slow all is.
  { weight: 2, arbitrary: fc.constant([{ do: 'AwaitRest' as const }, { do: 'Evict' as const }]) },
  { weight: 2, arbitrary: fc.constantFrom('Pause', 'Resume', 'Suspend', 'Release').map(word => ({ do: word })) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('RefuseCapacity' as const),
      priority: fc.constantFrom('Spot', 'Regular', 'Any'),
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
]

const edits = fc.constantFrom('ChangeSize', 'ChangePriority', 'ChangeClients', 'ChangeOnEviction')
const ofMachine = fc.oneof<fc.WeightedArbitrary<MachineAction | MachineAction[]>[]>(...common, {
  weight: 3,
  arbitrary: edits.map(word => ({ do: word })),
})
const wishes = fc.constantFrom('PayMore', 'Connect', 'Leave', 'AwaitEnd', 'End')
const ofSession = fc.oneof<fc.WeightedArbitrary<SessionAction | SessionAction[]>[]>(
  ...common,
  { weight: 5, arbitrary: wishes.map(word => ({ do: word })) },
  // With nothing left in its region it moves, where it names another.
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(...refusals)
      .map(refusal => [
        { do: 'AwaitRest' as const },
        { do: 'RefuseCapacity' as const, priority: 'Any' as const, refusal },
        { do: 'Evict' as const },
        { do: 'AwaitRest' as const },
      ]),
  },
)

/** What its owner asks for last: of a machine never its end, which is the object's deletion. */
const lasts = ['Running', 'Deallocated', 'Deleted'] as const
const sessionLasts = [...lasts, 'Ended'] as const
export type Last = (typeof lasts)[number]
export type SessionLast = (typeof sessionLasts)[number]

const LENGTH = { minLength: 3, maxLength: 8 }
/** The last wish comes when all is well again, or before. */
const isWishedAmid = fc.boolean()

export type Scenario =
  | { of: 'Machine'; actions: MachineAction[]; last: Last; isWishedAmid: boolean }
  | {
      of: 'Session'
      actions: SessionAction[]
      last: SessionLast
      isWishedAmid: boolean
      paidSeconds: number
      /** How many it names: 1 to 3. */
      regions: number
    }

export const machineScenario: fc.Arbitrary<Scenario> = fc.record({
  of: fc.constant('Machine'),
  actions: fc.array(ofMachine, LENGTH).map(drawn => drawn.flat()),
  last: fc.constantFrom(...lasts),
  isWishedAmid,
})

const LITTLE_SECONDS = 1
const PLENTY_SECONDS = 600

/** Little is paid, and played out unless something is in the way, or plenty. */
export const sessionScenario: fc.Arbitrary<Scenario> = fc
  .record({
    of: fc.constant('Session' as const),
    actions: fc.array(ofSession, LENGTH).map(drawn => drawn.flat()),
    last: fc.constantFrom(...sessionLasts),
    isWishedAmid,
    paidSeconds: fc.constantFrom(LITTLE_SECONDS, PLENTY_SECONDS),
    regions: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ actions, paidSeconds, ...rest }) => {
    const isLittle = paidSeconds === LITTLE_SECONDS
    return { ...rest, paidSeconds, actions: isLittle ? [...actions, { do: 'AwaitEnd' as const }] : actions }
  })

/** What keeps a machine from what is awaited, for longer than it is waited for. */
const hindrances: Action['do'][] = ['RefuseCapacity', 'Fault', 'StaleLists', 'Suspend']

/** Whether nothing before keeps it from coming to rest: then it has to, however slow all is. */
export function isBoundToRest(before: readonly Action[]): boolean {
  return before.every(action => !hindrances.includes(action.do))
}

/** Of a session: whether it has to be played out, or to be left. */
export function isBoundToEnd(before: readonly Action[], paidSeconds: number): boolean {
  return isBoundToRest(before) && paidSeconds === LITTLE_SECONDS && before.every(action => action.do !== 'Pause')
}

/** Of a session: whether what is paid is used up, whoever is slow, and nothing else ends it. */
export function isBoundToBePlayedOut(scenario: Scenario): boolean {
  if (scenario.of === 'Machine' || !isBoundToEnd(scenario.actions, scenario.paidSeconds)) return false
  return scenario.actions.every(({ do: what }) => what !== 'End' && what !== 'Leave')
}

/** What leaves a machine that runs on spot as it is, or brings it back to that. */
const staying: Action['do'][] = [
  ...(['AwaitRest', 'Release', 'Resume', 'GrantCapacity', 'RestartOperator', 'KillOperator'] as const),
  ...(['ChangeSize', 'ChangeClients', 'ChangeOnEviction', 'Connect', 'PayMore'] as const),
]

/** Whether Azure evicts it at least once, whoever is slow: it rests on spot when its first eviction comes. */
export function isBoundToBeEvicted(scenario: Scenario): boolean {
  if (scenario.of === 'Session' && scenario.paidSeconds === LITTLE_SECONDS) return false
  const actions: readonly Action[] = scenario.actions
  const at = actions.findIndex(action => action.do === 'Evict')
  const all = actions.slice(0, Math.max(at, 0))
  // What is refused just before speaks against the next machine, and not against this one.
  const before = all.at(-1)?.do === 'RefuseCapacity' ? all.slice(0, -1) : all
  return before.at(-1)?.do === 'AwaitRest' && before.every(action => staying.includes(action.do))
}

/** One line for a person. */
export function words({ actions, ...rest }: Scenario): string {
  const told = actions.map(one => JSON.stringify(one).replaceAll(/[{}"]/g, '').replace('do:', '')).join(' | ')
  return `${JSON.stringify(rest).replaceAll(/[{}"]/g, '')}: ${told}`
}
