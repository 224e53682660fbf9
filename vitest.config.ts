import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { NODE_FLAGS } from './tests/api/node-flags.ts'

// The simulators start dozens of times: what Node makes of their TypeScript is kept from one time to the next.
process.env.NODE_COMPILE_CACHE ??= resolve(import.meta.dirname, '.cache/compiled')

/** Proofs that hold no state for a moment: while one of them waits, another has the processor. */
const sideBySide = ['flood', 'wallet-model', 'api-fuzz'].map(name => `tests/proof/${name}.test.ts`)
const proof = { isolate: true, include: ['tests/proof/**/*.test.ts'], testTimeout: 300_000, hookTimeout: 180_000 }

/** Each takes more than half a minute: begun last, one keeps a worker busy while the other has nothing left. */
const longest = [
  ...['random/random', 'resources/resources', 'kube/kube', 'operator/hands', 'resources/releases', 'operator/machines'],
  ...['api/http', 'money/chaos', 'operator/places', 'proof/flood'],
].map(name => resolve(import.meta.dirname, `tests/${name}.test.ts`))

/** Vitest goes by how long a file took before, of which a fresh clone knows nothing. Within a project. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const projects = [...new Set(sorted.map(({ project }) => project))]
    const rank = ({ moduleId }: TestSpecification) => {
      const at = longest.indexOf(moduleId)
      return at < 0 ? longest.length : at
    }
    return projects.flatMap(one =>
      sorted.filter(({ project }) => project === one).toSorted((left, right) => rank(left) - rank(right)),
    )
  }
}

// `make test` and `make proof` choose their projects. Two workers: most of a test is waiting for the processes that it
// started. The files of a worker share their modules, for loading these took longer than most tests, and it has the API's
// flags, which cost less of the processor. The proofs whose scenes hold states for a moment have the machine to themselves;
// the rest come after them. No project retries, and a suite without tests fails.
export default defineConfig({
  test: {
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    execArgv: NODE_FLAGS,
    passWithNoTests: false,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'pure',
          include: ['{crds,lib,operator,api,guest,demo}/**/*.test.ts'],
          testTimeout: 10_000,
        },
      },
      {
        test: {
          name: 'real',
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/proof/**'],
          maxConcurrency: 8, // With Vitest's five a third of the processor has nothing to do.
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'proof',
          ...proof,
          exclude: sideBySide,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'proof side by side',
          ...proof,
          include: sideBySide,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
