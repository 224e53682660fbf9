// Whatever dies, and whenever, the evening ends as it would have: operator and API are killed at the points of a session
// where most is under way, and what is left in Azure, Kubernetes and the ledger is compared with an undisturbed evening.
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest'
import { apiDies, operatorDies, type Point } from './blows.ts'
import { type Ending, play } from './evening.ts'
import { openTheatre, type Theatre } from './theatre.ts'

let theatre: Theatre
let undisturbed: Ending

beforeAll(async () => {
  theatre = await openTheatre()
  undisturbed = await play(theatre).catch(async (error: unknown) => {
    throw new Error(`The undisturbed evening failed.\n${await theatre.lastWords()}`, { cause: error })
  })
})

afterAll(async () => await theatre?.close())

function tellsWhatHappened(): void {
  onTestFailed(async () => console.error(await theatre.lastWords()))
}

async function endsAsUndisturbed(point: Point): Promise<void> {
  const { playingOn, over } = await play(theatre, point)
  expect(playingOn).toEqual(undisturbed.playingOn)
  expect(over).toEqual(undisturbed.over)
}

describe('I1, I2, I4, I6: the leading operator is killed', () => {
  test.each(operatorDies)('$name', async point => {
    tellsWhatHappened()
    const before = await theatre.leader()
    await endsAsUndisturbed(point)
    expect((await theatre.leader()).identity).not.toBe(before.identity)
  })
})

describe('I4, I5: the API is killed', () => {
  test.each(apiDies)('$name', async point => {
    tellsWhatHappened()
    const restarts = () => theatre.stack.api.reduce((sum, pod) => sum + pod.restarts(), 0)
    const before = restarts()
    await endsAsUndisturbed(point)
    expect(restarts()).toBe(before + 1)
  })
})
