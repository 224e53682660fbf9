/** Runs it for each, of which `limit` are under way at a time. Rejects with the first that failed. */
export async function atOnce<Item>(
  items: readonly Item[],
  { limit, run }: { limit: number; run: (item: Item) => Promise<void> },
): Promise<void> {
  const left = [...items]
  const next = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item)
  }
  await Promise.all(Array.from({ length: limit }, next))
}
