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
  const others = [call(2), call(3)]
  expect(runs.map(({ items }) => items)).toEqual([[1]])
  runs[0]?.end()
  expect(await first).toBe('1')
  expect(runs.map(({ items }) => items)).toEqual([[1], [2, 3]])
  runs[1]?.end()
  expect(await Promise.all(others)).toEqual(['2', '3'])
})

test('A batch that fails fails all of its items, and none of the next', async () => {
  const { runs, call } = byHand()
  const lost = [call(1)]
  const kept = call(2)
  runs[0]?.end(new Error('away'))
  await expect(Promise.all(lost)).rejects.toThrow('away')
  runs[1]?.end()
  expect(await kept).toBe('2')
})

test('No batch is larger than its limit', async () => {
  const { runs, call } = byHand(2)
  const all = [1, 2, 3, 4].map(call)
  for (let run = 0; run < 3; run += 1) {
    runs[run]?.end()
    await all[run]
  }
  expect(runs.map(({ items }) => items)).toEqual([[1], [2, 3], [4]])
  await Promise.all(all)
})
