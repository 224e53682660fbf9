// Measures what is promised as a ratio or a count, and says beside each figure what it has to be. Without arguments all
// parts, each on servers of its own; with arguments those of these names. Ends with 1 when a target is missed.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { api } from './api.ts'
import { clientSpeed } from './client-speed.ts'
import { exodus } from './exodus.ts'
import { isMissed, type Part, table } from './figures.ts'
import { ledger } from './ledger.ts'
import { lives } from './lives.ts'
import { pool } from './pool.ts'
import { rescue } from './rescue.ts'
import { rush } from './rush.ts'
import { standing } from './standing.ts'

/** What each needs it starts itself, under this folder, and ends. */
const parts: Record<string, (folder: string) => Promise<Part>> = {
  api,
  client: clientSpeed,
  exodus,
  ledger,
  lives,
  pool,
  rescue,
  rush,
  standing,
}

const asked = process.argv.slice(2)
const unknown = asked.filter(name => parts[name] === undefined)
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}.`)
  process.exit(2)
}

// So that whatever was started ends with us.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const missed: string[] = []
for (const [name, measure] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const folder = await mkdtemp(join(tmpdir(), `bench-${name}-`))
  const began = performance.now()
  const part = await measure(folder)
  await rm(folder, { recursive: true, force: true })
  console.log(table(part))
  console.log(`  (${name}: ${Math.round((performance.now() - began) / 1000)} s)`)
  missed.push(...part.figures.filter(isMissed).map(({ what }) => what))
}
if (missed.length > 0) {
  console.error(`\n${missed.length} of the targets are missed:\n  ${missed.join('\n  ')}`)
  process.exit(1)
}
process.exit(0)
