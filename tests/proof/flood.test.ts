import { randomInt } from 'node:crypto'
import { creditsEqualCaptures } from '../money/flood.suite.ts'

creditsEqualCaptures({ deliveries: 100_000, seed: Number(process.env.SEED ?? randomInt(2 ** 31)), timeoutSeconds: 600 })
