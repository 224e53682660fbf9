// Every row of the table of Azure's errors on every call for a machine, at once and late: one table decides, whatever was
// refused. In pure form; at the wire see tests/operator/refusals.suite.ts and refused-parts.suite.ts.
import { expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import { type Decision, decideOn, table } from '../azure/decisions.ts'
import { AzureError } from '../azure/errors.ts'
import { isLeaving, type LastError, type Seen, type Step, type Verdict } from './decision.ts'
import { hindranceOf, outcomeOf } from './hindrance.ts'
import { holdsUpNothing } from './last-error.ts'
import { verdictOn } from './phases.ts'
import { redeployment, steps, type Tried } from './refused-steps.fixture.ts'
import { bare, evicted, leaving, now, osDisk, playing, sight, virtualMachine, without } from './sights.fixture.ts'
import { type Outcome, statusOf } from './status.ts'

const rows = table.map(({ codes: [code = ''], says = [] }) => ({ code, message: [...says, 'No.'].join(' ') }))
const casesOf = (tried: Tried[]) =>
  tried.flatMap(one => [...rows, { code: 'WeHaveNeverSeenThis', message: 'No.' }].map(row => ({ ...one, ...row })))

/** As it is seen to have failed late. */
function failedLate({ step, seen, left = seen, kind, code, message }: Tried & { code: string; message: string }): Seen {
  if (kind === undefined)
    return sight({ ...left, observed: { ...left.observed, late: { step, code, message, at: now } } })
  const operation = { kind, resource: 'vm', poller: '{}', since: now.toISOString() }
  const before = left.status === undefined || left.status === 'None' ? playing : left.status
  return sight({
    ...left,
    status: { ...before, operation },
    observed: { ...left.observed, operation: { is: 'Failed', code, message } },
  })
}

/** The same machine so many seconds after the refusal, when what was seen and said is on record. */
function after(seconds: number, seen: Seen, verdict: Verdict, outcome: Outcome = {}): Seen {
  const { operation: _ended, ...status } = statusOf(seen, verdict, outcome)
  const observed = { ...seen.observed, operation: undefined }
  return { ...seen, observed, machine: { ...seen.machine, status }, now: new Date(now.getTime() + seconds * 1000) }
}

/** As people see it. Failed is only what is held up. */
function expectTold(
  { seen, step, decision }: { seen: Seen; step: Step['do']; decision: Decision },
  verdict: Verdict,
  outcome: Outcome = {},
): void {
  const { conditions, phase } = statusOf(seen, verdict, outcome)
  const stalled = condition(conditions, 'Stalled')
  const isHeldUp = !holdsUpNothing({ step }, seen) && !isLeaving(seen.machine)
  expect(phase === 'Failed').toBe(decision.do === 'Stall' && isHeldUp)
  if (decision.do === 'Stall') return void expect(stalled?.message).toContain(decision.remedy)
  expect(stalled).toBeUndefined()
  expect(condition(conditions, 'Reconciling')?.reason).toBeDefined()
}

test.each(casesOf(steps))(
  'late, $step refused by $code ($message): told, held back, and asked for again in its time',
  one => {
    const decision = decideOn(new AzureError(one.code, one.message, { status: 400 }))
    const seen = failedLate(one)
    const verdict = verdictOn(seen)
    expect(verdict.step).toBeUndefined()
    expectTold({ ...one, seen, decision }, verdict)
    const { requeueAfterSeconds: seconds = 0 } = verdict
    expect(seconds).toBeGreaterThan(0)

    const soon = after(seconds / 2, seen, verdict)
    const lastError: LastError | undefined = soon.machine.status?.lastError
    expect(lastError).toMatchObject({ code: one.code, step: one.step })
    expect(verdictOn(soon).step, 'nothing is asked too soon').toBeUndefined()
    expect(verdictOn(soon).requeueAfterSeconds).toBeCloseTo(seconds / 2)
    const later = after(seconds, soon, verdictOn(soon))
    expect(later.machine.status?.lastError, 'whoever looks in between changes nothing').toEqual(lastError)
    expect(verdictOn(later).step?.do, 'and then the same again').toBe(one.anew ?? one.step)
  },
)

test('a move to another host that failed late is told, and not asked for again in the same silence', () => {
  const seen = failedLate({ ...redeployment, code: 'AllocationFailed', message: 'No.' })
  const { status } = seen.machine
  const begun = { ...seen, machine: { ...seen.machine, status: { ...status, redeployedAt: now.toISOString() } } }
  const verdict = verdictOn(begun)
  expect(statusOf(begun, verdict, {}).lastError).toMatchObject({ code: 'AllocationFailed', step: redeployment.step })
  for (const seconds of [0, 30, 600, 3600]) expect(verdictOn(after(seconds, begun, verdict)).step).toBeUndefined()
})

test.each(casesOf([...steps, redeployment]))(
  'at once, $step refused by $code ($message): told, held back, and asked for again in its time',
  one => {
    const error = new AzureError(one.code, one.message, { status: 409, retryAfterSeconds: 7 })
    const decision = decideOn(error)
    const seen = sight(one.seen)
    const asked = verdictOn(seen)
    expect(asked.step?.do).toBe(one.step)
    const hindrance = hindranceOf(error, seen, asked)
    if (decision.do === 'Retry') return void expect(hindrance).toMatchObject({ is: 'Unanswered', afterSeconds: 7 })

    expectTold({ ...one, seen, decision }, hindrance.verdict, outcomeOf(hindrance))
    const { requeueAfterSeconds: seconds = 0 } = hindrance.verdict
    expect(seconds, 'Azure is not asked before it says').toBeGreaterThanOrEqual(decision.do === 'LookAgain' ? 7 : 10)
    const soon = after(0.5, seen, hindrance.verdict, outcomeOf(hindrance))
    expect(verdictOn(soon).step, 'nothing is asked too soon').toBeUndefined()
    const later = after(seconds, soon, verdictOn(soon))
    expect(verdictOn({ ...later, now: soon.now }).step, 'whoever looks in between changes nothing').toBeUndefined()
    expect(verdictOn(later).step?.do, 'and then the same again').toBe(one.step)
  },
)

/** Asks, and is failed late with these codes by turns, for an hour; what is told after each. */
function insisting(...codes: string[]) {
  const told: Verdict[] = []
  const asked = steps.find(({ step }) => step === 'PutNetworkInterface')
  let seen = failedLate({ step: 'PutNetworkInterface', seen: {}, ...asked, code: codes[0] ?? '', message: 'No.' })
  for (let seconds = 0; seconds < 3600; ) {
    const verdict = verdictOn(seen)
    told.push(verdict)
    seconds += verdict.requeueAfterSeconds ?? 0
    const next = after(seconds, seen, verdict)
    expect(verdictOn(next).step?.do).toBe('PutNetworkInterface')
    const code = codes[told.length % codes.length] ?? ''
    const late = next.observed.late && { ...next.observed.late, code, at: next.now }
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

test.each([
  { codes: ['InternalServerError', 'OperationFailed'] },
  { codes: ['WeHaveNeverSeenThis', 'NorThis'] },
  { codes: ['AnotherOperationInProgress', 'InternalExecutionError', 'WeHaveNeverSeenThis'] },
])('by turns $codes are asked for no longer than one of them', ({ codes }) => {
  const { told, seconds } = insisting(...codes)
  const first = told.findIndex(({ stalled }) => stalled)
  expect(first).toBeGreaterThan(0)
  expect(first).toBeLessThan(20)
  expect(told.slice(first).every(({ stalled }) => stalled !== undefined)).toBe(true)
  expect(seconds.slice(first).every(wait => wait === 300)).toBe(true)
})

test('what was refused for want of room for hours is no trouble of Azure’s for so long', () => {
  const { told } = insisting('SubnetIsFull', 'InternalServerError')
  expect(told.every(({ stalled }) => stalled === undefined)).toBe(true)
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
      ...without(playing, 'vmId', 'stream'),
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
