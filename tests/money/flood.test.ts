import { creditsEqualCaptures } from './flood.suite.ts'

// The short form; the whole of it is in `make proof`.
creditsEqualCaptures({ deliveries: 5000, seed: 1, timeoutSeconds: 120 })
