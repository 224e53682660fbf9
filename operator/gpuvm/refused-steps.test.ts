// Every row of the table of Azure's errors on every call for a machine, at once and late: one table decides, whatever was
// refused. In pure form; at the wire see tests/operator/refusals.test.ts and refused-parts.test.ts.
import { expect, test } from 'vitest'
import { type Decision, decideOn, table } from '../azure/decisions.ts'
import { AzureError } from '../azure/errors.ts'
import type { LastError, Seen, Verdict } from './decision.ts'
import { hindranceOf } from './hindrance.ts'
import { verdictOn } from './phases.ts'
import {
  bare,
  type Different,
  empty,
  evicted,
  leaving,
  networkInterface,
  now,
  osDisk,
  playing,
  publicIPAddress,
  sight,
  virtualMachine,
  without,
} from './sights.fixture.ts'
import { type Outcome, statusOf } from './status.ts'

const unmade = without(playing, 'vmId', 'stream')
const guarded = { clientCIDRs: ['203.0.113.7/32'] }
const group = { id: 'nsg', ownerUid: undefined, clientCIDRs: [], probeCIDRs: [], provisioningState: 'Failed' as const }

/** Each with what it leaves when it has failed late; where that is a VM's, with the operation. */
const steps: { step: string; seen: Different; kind?: 'Create' | 'Delete' }[] = [
  { step: 'CreateVirtualMachine', seen: { status: unmade, observed: bare }, kind: 'Create' },
  {
    step: 'PutPublicIPAddress',
    seen: {
      status: unmade,
      observed: { ...empty, publicIPAddress: { ...publicIPAddress, provisioningState: 'Failed' } },
    },
  },
  {
    step: 'PutNetworkInterface',
    seen: {
      status: unmade,
      observed: { ...bare, networkInterface: { ...networkInterface, provisioningState: 'Failed' } },
    },
  },
  {
    step: 'PutNetworkSecurityGroup',
    seen: { status: unmade, spec: guarded, observed: { ...bare, networkSecurityGroup: group } },
  },
  {
    step: 'PutNetworkSecurityGroup', // Of a machine that is played on.
    seen: { spec: guarded, observed: { ...bare, virtualMachine: virtualMachine(), networkSecurityGroup: group } },
  },
  {
    step: 'DeleteVirtualMachine',
    seen: { status: evicted, observed: { ...bare, predecessor: virtualMachine({ powerState: 'Deallocated' }) } },
    kind: 'Delete',
  },
  { step: 'DeleteVirtualMachine', seen: { metadata: leaving }, kind: 'Delete' },
  { step: 'DeleteResources', seen: { metadata: leaving, observed: { ...bare, osDisk } } },
]

const rows = table.map(({ codes: [code = ''], says = [] }) => ({ code, message: [...says, 'No.'].join(' ') }))
const cases = steps.flatMap(step =>
  [...rows, { code: 'WeHaveNeverSeenThis', message: 'No.' }].map(row => ({ ...step, ...row })),
)

interface Refused extends Pick<(typeof cases)[number], 'step' | 'seen' | 'kind' | 'code' | 'message'> {}

/** As it is seen to have failed late. */
function failedLate({ step, seen, kind, code, message }: Refused): Seen {
  if (kind === undefined) {
    const late = { step, code, message, at: now } as Seen['observed']['late']
    return sight({ ...seen, observed: { ...seen.observed, late } })
  }
  const operation = { kind, resource: 'vm', poller: '{}', since: now.toISOString() }
  const before = seen.status === undefined || seen.status === 'None' ? playing : seen.status
  return sight({
    ...seen,
    status: { ...before, operation },
    observed: { ...seen.observed, operation: { is: 'Failed', code, message } },
  })
}

/** The same machine so many seconds after what was seen and said is on record. */
function after(seconds: number, seen: Seen, verdict: Verdict, outcome: Outcome = {}): Seen {
  const { operation: _ended, ...status } = statusOf(seen, verdict, outcome)
  const observed = { ...seen.observed, operation: undefined }
  return { ...seen, observed, machine: { ...seen.machine, status }, now: new Date(now.getTime() + seconds * 1000) }
}

function expectTold({ do: decided, ...decision }: Decision, verdict: Verdict): void {
  if (decided === 'Stall')
    return void expect(verdict.stalled?.message).toContain('remedy' in decision && decision.remedy)
  expect(verdict.stalled).toBeUndefined()
  expect(verdict.because?.reason).toBeDefined()
}

test.each(cases)('late, $step refused by $code ($message): told, held back, and asked for again in its time', one => {
  const decision = decideOn(new AzureError(one.code, one.message, { status: 400 }))
  const seen = failedLate(one)
  const verdict = verdictOn(seen)
  expect(verdict.step).toBeUndefined()
  expectTold(decision, verdict)
  const { requeueAfterSeconds: seconds = 0 } = verdict
  expect(seconds).toBeGreaterThan(0)

  const soon = after(seconds / 2, seen, verdict)
  const lastError: LastError | undefined = soon.machine.status?.lastError
  expect(lastError).toMatchObject({ code: one.code, step: one.step })
  expect(verdictOn(soon).step, 'nothing is asked too soon').toBeUndefined()
  expect(verdictOn(soon).requeueAfterSeconds).toBeCloseTo(seconds / 2)
  expect(verdictOn(after(seconds, seen, verdict)).step?.do, 'and then the same again').toBe(one.step)
})

test.each(cases)(
  'at once, $step refused by $code ($message): told, held back, and asked for again in its time',
  one => {
    const error = new AzureError(one.code, one.message, { status: 409, retryAfterSeconds: 7 })
    const decision = decideOn(error)
    const seen = sight(one.seen)
    const asked = verdictOn(seen)
    expect(asked.step?.do).toBe(one.step)
    const hindrance = hindranceOf(error, seen, asked)
    if (decision.do === 'Retry') return void expect(hindrance).toMatchObject({ is: 'Unanswered', afterSeconds: 7 })

    expectTold(decision, hindrance.verdict)
    const { requeueAfterSeconds: seconds = 0 } = hindrance.verdict
    expect(seconds, 'Azure is not asked before it says').toBeGreaterThanOrEqual(decision.do === 'LookAgain' ? 7 : 10)
    const outcome =
      hindrance.is === 'Refused'
        ? { refused: hindrance.refused }
        : hindrance.is === 'Busy' && hindrance.busy
          ? { busy: hindrance.busy }
          : {}
    expect(verdictOn(after(0.5, seen, hindrance.verdict, outcome)).step, 'nothing is asked too soon').toBeUndefined()
    expect(verdictOn(after(seconds, seen, hindrance.verdict, outcome)).step?.do, 'and then the same again').toBe(
      one.step,
    )
  },
)

/** Asks, and is failed late, again and again; how often within the hour, and what is told after each. */
function insisting(code: string) {
  const told: Verdict[] = []
  let seen = failedLate({ step: 'PutNetworkInterface', seen: steps[2]?.seen ?? {}, code, message: 'No.' })
  for (let seconds = 0; seconds < 3600; ) {
    const verdict = verdictOn(seen)
    told.push(verdict)
    seconds += verdict.requeueAfterSeconds ?? 0
    const next = after(seconds, seen, verdict)
    expect(verdictOn(next).step?.do).toBe('PutNetworkInterface')
    const late = next.observed.late && { ...next.observed.late, at: next.now }
    seen = { ...next, observed: { ...next.observed, late } }
  }
  return { told, seconds: told.map(({ requeueAfterSeconds }) => requeueAfterSeconds) }
}

test('what Azure fails again and again is asked for more and more seldom, and is then a person’s', () => {
  const { told, seconds } = insisting('InternalServerError')
  expect(seconds.slice(0, 8)).toEqual([30, 30, 60, 120, 240, 480, 300, 300])
  expect(told.map(({ stalled }) => stalled !== undefined).slice(0, 8)).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
    true,
    true,
  ])
  expect(told.at(-1)?.stalled?.message).toMatch(/^No\. .*support request/)
})

test('what Azure is busy with is looked at at least once a minute, and after a quarter of an hour a person is told', () => {
  const { told, seconds } = insisting('AnotherOperationInProgress')
  const first = told.findIndex(({ stalled }) => stalled)
  expect(seconds.slice(0, first).every((wait = 0) => wait >= 10 && wait <= 60)).toBe(true)
  expect(told[first]?.stalled?.message).toContain('what holds it')
  expect(first).toBeLessThan(40)
})

test('I2: a person who lets the object go is not kept waiting for a refusal to pass', () => {
  const seen = failedLate({
    step: 'DeleteResources',
    seen: { metadata: leaving, observed: { ...bare, osDisk } },
    code: 'AuthorizationFailed',
    message: 'No.',
  })
  expect(verdictOn(seen).stalled?.message).toContain('wasd.cloud/abandon')
  const annotations = { 'wasd.cloud/abandon': '' }
  const { machine } = seen
  const letGo = { ...seen, machine: { ...machine, metadata: { ...machine.metadata, annotations } } }
  expect(verdictOn(letGo).step?.do).toBe('DeleteResources')
})

test('what could not be removed holds up nothing else: gone by another’s hand, the successor is made', () => {
  const before = failedLate({
    step: 'DeleteVirtualMachine',
    seen: { status: evicted, observed: { ...bare, predecessor: virtualMachine({ powerState: 'Deallocated' }) } },
    kind: 'Delete',
    code: 'ScopeLocked',
    message: 'No.',
  })
  const next = after(1, before, verdictOn(before))
  expect(verdictOn(next).stalled?.reason).toBe('ScopeLocked')
  const gone = { ...next, observed: { ...next.observed, predecessor: undefined } }
  expect(verdictOn(gone).step).toEqual({ do: 'CreateVirtualMachine' })
})

test('a deletion does not wait for what the creation was refused', () => {
  const seen = sight({
    metadata: { ...leaving, generation: 2 },
    status: {
      ...unmade,
      lastError: {
        code: 'ScopeLocked',
        message: 'No.',
        retryable: false,
        step: 'DeleteVirtualMachine',
        at: now.toISOString(),
      },
    },
  })
  expect(verdictOn(seen).step?.do).toBe('DeleteVirtualMachine')
})
