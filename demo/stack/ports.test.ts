import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/** More than a block holds. */
const PORTS = 60
const script = `
  import { freePort } from ${JSON.stringify(join(import.meta.dirname, 'ports.ts'))}
  const ports = []
  for (let left = ${PORTS}; left > 0; left -= 1) ports.push(await freePort())
  console.log(ports.join(' '))
  process.stdin.resume()`

/** A process that draws ports, and lives until it is told to end. */
async function drawer(): Promise<{ ports: string[]; end(): void }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [said] = await once(child.stdout, 'data')
  return { ports: String(said).trim().split(' '), end: () => child.stdin.end() }
}

test('processes that live at the same time never get the same port, though none listens yet', async () => {
  const drawers = await Promise.all([drawer(), drawer(), drawer()])
  const ports = drawers.flatMap(each => each.ports)
  for (const each of drawers) each.end()
  expect(ports).toHaveLength(3 * PORTS)
  expect(new Set(ports).size).toBe(3 * PORTS)
})
