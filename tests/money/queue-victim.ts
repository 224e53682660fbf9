// A worker that never finishes: it says what it took, and waits to be killed.
import { work } from '../../api/queue/worker.ts'
import { connect } from '../../lib/database/pool.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { silent } from './books.ts'

const database = connect(process.argv[2] ?? '', { max: 3, applicationName: 'victim' })
await work(
  {
    database,
    clock: systemClock,
    random: Math.random,
    log: silent,
    leaseSeconds: 1,
    handlers: {
      'kubernetes.session': {
        concurrency: 1,
        async handle({ sessionId }) {
          console.log(sessionId)
          await systemClock.sleep(60_000)
        },
      },
    },
  },
  new AbortController().signal,
)
