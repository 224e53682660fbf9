// For how long Azure has said nothing about a machine. One lost answer proves nothing; a minute of them is told, and is
// enough for a person to let go of the object.
import type { GpuVmSettings } from './decision.ts'
import { scaled } from './decision.ts'

/** Seconds of silence after which Azure counts as out of reach. */
const SILENT_SECONDS = 60

export interface Silences {
  /** No answer came. Whether it has been so for long. */
  isLasting(uid: string, now: Date): boolean
  /** Azure said something, or the machine is gone. */
  broken(uid: string): void
}

export function silences(settings: GpuVmSettings): Silences {
  const since = new Map<string, number>()
  return {
    isLasting(uid, now) {
      const first = since.get(uid) ?? now.getTime()
      since.set(uid, first)
      return now.getTime() - first >= scaled(SILENT_SECONDS, settings) * 1000
    },
    broken: uid => void since.delete(uid),
  }
}
