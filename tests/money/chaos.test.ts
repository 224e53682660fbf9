import { chargedExactlyInChaos } from './chaos.suite.ts'

// The short form, in which nobody's minute runs out; the whole of it is in `make proof`.
chargedExactlyInChaos({
  sessions: 20,
  late: 4,
  lives: ['TopsUp', 'Stops', 'PlaysOn', 'Pauses', 'PausesAndResumes'],
  scarce: { least: 60, most: 75 },
  chaosSeconds: 6,
  leastKills: 2,
  seed: 1,
  timeoutSeconds: 240,
})
