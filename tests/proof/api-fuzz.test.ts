// The long form of tests/api/http.test.ts's fuzzing: many requests to each route, made from the API's own document.
import { afterAll, beforeAll } from 'vitest'
import { castOf } from '../api/cast.ts'
import { type FrontStack, startFront } from '../api/front.ts'
import { fuzzingFindsNothing } from '../api/fuzz.suite.ts'

/** Requests to each of some twenty routes. */
const RUNS = 120

let stack: FrontStack
beforeAll(async () => {
  stack = await startFront()
})
afterAll(async () => {
  await stack?.stop()
})

fuzzingFindsNothing({
  given: () => ({ stack, cast: castOf(stack) }),
  runs: RUNS,
  operations: id => id !== 'reportGuest',
  timeout: 240_000,
})
