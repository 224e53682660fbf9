// What waits to be written while the database is slow or away; bounded, and the oldest go first.

export interface Backlog<Item> {
  add(item: Item): void
  /** Writes all of it, in batches and in order. A batch that fails waits on, and its error is thrown. */
  flush(write: (batch: readonly Item[]) => Promise<void>): Promise<void>
  /** How many were dropped since it was last asked. */
  dropped(): number
}

export function backlog<Item>({ most, batch }: { most: number; batch: number }): Backlog<Item> {
  const waiting: Item[] = []
  let dropped = 0

  function bound(): void {
    const excess = waiting.length - most
    if (excess <= 0) return
    waiting.splice(0, excess)
    dropped += excess
  }

  return {
    add(item) {
      waiting.push(item)
      bound()
    },
    async flush(write) {
      while (waiting.length > 0) {
        const items = waiting.splice(0, batch)
        try {
          await write(items)
        } catch (error) {
          waiting.unshift(...items)
          bound()
          throw error
        }
      }
    },
    dropped() {
      const count = dropped
      dropped = 0
      return count
    },
  }
}
