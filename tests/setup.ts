// Fetches and builds what tests run beside us, so that no test has to wait for it. What cannot be had here is told, and stops
// nobody: the one test that needs it tries again, and fails by name.
import { azureForGo, azureForPython, healthJudge } from './installed.ts'

for (const made of await Promise.allSettled([healthJudge(), azureForGo(), azureForPython()]))
  if (made.status === 'rejected') console.error(made.reason instanceof Error ? made.reason.message : made.reason)
