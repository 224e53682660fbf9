import { defineConfig } from 'vitest/config'

// `make test` and `make proof` choose their projects. One worker: the machine has two cores, and the processes under
// test want the other. No project retries, and a suite without tests fails.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 1,
    passWithNoTests: false,
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
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'proof',
          include: ['tests/proof/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
})
