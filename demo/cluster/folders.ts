// Where things are, told from this file's own place: a clone works wherever it lies, and two clones do not meet.
import { resolve } from 'node:path'

export const REPOSITORY = resolve(import.meta.dirname, '../..')
/** What was built or unpacked and can be made again. */
export const CACHE = resolve(REPOSITORY, '.cache')
