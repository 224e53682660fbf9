// Adds up the test runners' reports and closes with one line. Failing stages, skipped tests and missing reports count
// as failures: a run that tested nothing must not look green.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const report = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  numFailedTestSuites: z.int(),
})
/** The runs that must each have left a report: `make test` and `make proof`. */
const EXPECTED = ['test.json', 'proof.json']

const [folder = '.', ...failedStages] = process.argv.slice(2)
let passed = 0
let failed = 0

const found = readdirSync(folder).filter(file => file.endsWith('.json'))
for (const file of new Set([...EXPECTED, ...found])) {
  if (!found.includes(file)) {
    console.log(`${file}: no report was written`)
    failed += 1
    continue
  }
  const parsed = report.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')))
  const skipped = parsed.numPendingTests + parsed.numTodoTests
  const broken = parsed.numFailedTests + skipped
  // A suite that could not even start counts, though no test of it did.
  passed += parsed.numPassedTests
  failed += broken === 0 && parsed.numFailedTestSuites > 0 ? parsed.numFailedTestSuites : broken
  console.log(`${file}: ${parsed.numPassedTests} passed, ${parsed.numFailedTests} failed, ${skipped} skipped`)
}
if (failedStages.length > 0) {
  console.log(`Failed stages: ${failedStages.join(', ')}`)
  failed = Math.max(failed, failedStages.length)
}
if (passed === 0) failed = Math.max(failed, 1)

console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
