// One process at a time makes a thing that several want; the others wait and find it made.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Clock, systemClock } from '../../lib/process/clock.ts'

const LOOK_MILLISECONDS = 200

/**
 * Runs `work` while holding `file`. A holder that died leaves the file behind; whoever sees that its process is gone
 * takes over. Two may do so at the same instant: what is made under the lock is therefore always made under a
 * temporary name and renamed, and the lock saves work rather than correctness.
 */
export async function withLock<Result>(
  options: { file: string; onWait?: () => void; clock?: Clock; stop?: AbortSignal | undefined },
  work: () => Promise<Result>,
): Promise<Result> {
  const { file, onWait, clock = systemClock, stop } = options
  mkdirSync(dirname(file), { recursive: true })
  let told = false
  while (!taken(file)) {
    if (isStale(file)) {
      rmSync(file, { force: true })
      continue
    }
    if (!told) onWait?.()
    told = true
    await clock.sleep(LOOK_MILLISECONDS, stop)
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

function taken(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function isStale(file: string): boolean {
  const holder = readOrUndefined(file)
  if (holder === undefined || holder === '') return false // Just given back, or just being written.
  try {
    process.kill(Number(holder), 0)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}

function readOrUndefined(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
