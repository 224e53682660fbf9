// A file's one world, for the suites that it names: starting one takes longer than most suites.
import { afterAll, beforeAll } from 'vitest'
import { startWorld, type World } from './world.ts'

/** Started before the file's tests and stopped after them; until then it throws. */
export function sharedWorld(options?: Parameters<typeof startWorld>[0]): () => World {
  let running: World | undefined
  beforeAll(async () => {
    running = await startWorld(options)
  })
  afterAll(async () => await running?.stop())
  return () => {
    if (running === undefined) throw new Error('The world has not started.')
    return running
  }
}
