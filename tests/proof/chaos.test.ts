import { randomInt } from 'node:crypto'
import { chargedExactlyInChaos } from '../money/chaos.suite.ts'

chargedExactlyInChaos({
  sessions: 300,
  late: 30,
  lives: ['RunsOut', 'TopsUp', 'Stops', 'PlaysOn', 'Pauses', 'PausesAndResumes'],
  scarce: { least: 60, most: 62 },
  chaosSeconds: 60,
  leastKills: 15,
  seed: Number(process.env.SEED ?? randomInt(2 ** 31)),
  timeoutSeconds: 600,
})
