// Keeps the catalogue current: the file is read again when it changes, and an invalid one never replaces a good one.
import { readFileSync } from 'node:fs'
import type { Clock } from '../lib/process/clock.ts'
import { type Catalogue, CatalogueError, parseCatalogue } from './catalogue.ts'

/** Seconds between looks at the file. The kubelet itself takes up to a minute to bring a ConfigMap's change. */
const LOOK_SECONDS = 5

export interface CatalogueFile {
  /** The last good catalogue. */
  current(): Catalogue
  /** When it was read: whatever was refused under the one before may go another way now. */
  readAt(): Date
  /** Looks for changes until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>
}

/** Reads the catalogue once; throws `CatalogueError` when there is no good one to start with. */
export function openCatalogue(options: {
  path: string
  clock: Clock
  /** A valid change was taken over. */
  onChange: () => void
  /** The file changed and cannot be used; the last good one is kept. Called once for each refused content. */
  onRefused: (error: CatalogueError) => void
}): CatalogueFile {
  let text = firstText(options.path)
  let catalogue = parseCatalogue(text, options.path)
  let readAt = options.clock.now()

  // The text is compared, not the time stamp: a ConfigMap volume swaps a symlink, and times say little there.
  const look = () => {
    const found = readFileSync(options.path, 'utf8')
    if (found === text) return
    text = found
    catalogue = parseCatalogue(found, options.path)
    readAt = options.clock.now()
    options.onChange()
  }

  return {
    current: () => catalogue,
    readAt: () => readAt,
    async run(signal) {
      while (!signal.aborted) {
        await options.clock.sleep(LOOK_SECONDS * 1000, signal).catch(() => undefined)
        if (signal.aborted) return
        try {
          look()
        } catch (error) {
          if (error instanceof CatalogueError) options.onRefused(error)
          // Absent for a moment while a volume is swapped; a file that stays away leaves the last good one in force.
          else if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
        }
      }
    },
  }
}

/** A file that is not there is told like a fault inside it: by its name, and what to do. */
function firstText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : 'unknown'
    throw new CatalogueError(
      `${path}: cannot be read (${code}). CATALOGUE_FILE must name a file that this user may read.`,
      {
        cause,
      },
    )
  }
}
