// Many small calls made into few large ones: what comes while a batch is under way waits and makes up the next one.
import { setImmediate } from 'node:timers/promises'

export interface BatchesOptions<Item, Result> {
  /** Does all of them; one result each, in their order. When it throws, all of them are told so. */
  run(items: readonly Item[]): Promise<readonly Result[]>
  /** Items in one batch at most. */
  limit: number
}

/** A lone call is run with the next turn of the event loop; under load each waits for the batch before its own. */
export function inBatches<Item, Result>(options: BatchesOptions<Item, Result>): (item: Item) => Promise<Result> {
  const { run, limit } = options
  let waiting: { item: Item; resolve(result: Result): void; reject(error: unknown): void }[] = []
  let isRunning = false

  async function work(): Promise<void> {
    isRunning = true
    while (waiting.length > 0) {
      await setImmediate() // Whatever else this turn of the event loop brings comes along.
      const batch = waiting.slice(0, limit)
      waiting = waiting.slice(limit)
      try {
        const results = await run(batch.map(({ item }) => item))
        if (results.length !== batch.length) throw new RangeError('A batch has one result for each of its items.')
        for (const [index, result] of results.entries()) batch[index]?.resolve(result)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    isRunning = false
  }

  return item =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (!isRunning) void work()
    })
}
