import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { inBatches } from './batches.ts'

/** Runs that end when they are told to. */
function byHand(limit = 10) {
  const runs: { items: readonly number[]; end(error?: Error): void }[] = []
  const call = inBatches<number, string>({
    limit,
    run: items =>
      new Promise((resolve, reject) => {
        runs.push({ items, end: error => (error ? reject(error) : resolve(items.map(String))) })
      }),
  })
  return { runs, call }
}

test('What comes while a batch is under way makes up the next one, and each gets its own result', async () => {
  const { runs, call } = byHand()
  const first = call(1)
  await turn()
  const others = [call(2), call(3)]
  expect(runs.map(({ items }) => items)).toEqual([[1]])
  runs[0]?.end()
  expect(await first).toBe('1')
  await turn()
  expect(runs.map(({ items }) => items)).toEqual([[1], [2, 3]])
  runs[1]?.end()
  expect(await Promise.all(others)).toEqual(['2', '3'])
})

test('A batch that fails fails all of its items, and none of the next', async () => {
  const { runs, call } = byHand()
  const lost = [call(1)]
  await turn()
  const kept = call(2)
  runs[0]?.end(new Error('away'))
  await expect(Promise.all(lost)).rejects.toThrow('away')
  await turn()
  runs[1]?.end()
  expect(await kept).toBe('2')
})

test('No batch is larger than its limit', async () => {
  const { runs, call } = byHand(2)
  const all = [1, 2, 3, 4, 5].map(call)
  for (let run = 0; run < 3; run += 1) {
    await turn()
    runs[run]?.end()
    await all[2 * run]
  }
  expect(runs.map(({ items }) => items)).toEqual([[1, 2], [3, 4], [5]])
  await Promise.all(all)
})

test('What comes in one turn of the event loop is one batch, and nobody has to come along for it to begin', async () => {
  const { runs, call } = byHand()
  const all = [call(1), Promise.resolve(2).then(call)]
  await turn()
  expect(runs.map(({ items }) => items)).toEqual([[1, 2]])
  runs[0]?.end()
  expect(await Promise.all(all)).toEqual(['1', '2'])
  const alone = call(3)
  await turn()
  runs[1]?.end()
  expect(await alone).toBe('3')
})
