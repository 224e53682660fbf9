// Two thousand sessions asked for at once, under Azure's own limits, which alone say how soon it can be done.
import { gameSessions } from '../../crds/types/gamesession.ts'
import { allPlayed, askedFigures, besideBound, secondsFor, watched } from './bounds.ts'
import { firstPlayed, inEarnest, type Stage } from './earnest.ts'
import type { Figure, Part } from './figures.ts'
import { quantile } from './looks.ts'
import { forEach, progress, session, TAKES } from './world.ts'

/**
 * How many times as fast as in life Azure and the operator's timers run: each second of a busy machine counts so many. As
 * low as nine minutes bear.
 */
const SPEED = Number(process.env.BENCH_RUSH_SPEED ?? 2.5)
const SESSIONS = Number(process.env.BENCH_RUSH ?? 2000)

export async function rush(folder: string): Promise<Part> {
  return {
    title: `${SESSIONS.toLocaleString('en')} sessions at once, in Azure's seconds (Azure's time ${SPEED} times as fast)`,
    figures: await inEarnest({ folder, speed: SPEED }, everybodyAtOnce),
  }
}

async function everybodyAtOnce(stage: Stage): Promise<Figure[]> {
  const { world, seen } = stage
  progress(`asking for ${SESSIONS} sessions`)
  const playedAt = firstPlayed(seen)
  const load = await watched(stage, SPEED, async () => {
    await forEach(SESSIONS, 32, async index => await world.kube.create(gameSessions, session(index)))
    await allPlayed(seen, { what: 'all are played', count: SESSIONS })
  })
  const waits = [...playedAt.values()].map(at => ((at - load.began) / 1000) * SPEED)
  const network = secondsFor('networkWrites', 2 * SESSIONS) + TAKES.nic
  const writes = secondsFor('writes', 3 * SESSIONS)
  const bound = Math.max(network, writes, secondsFor('vmWrites', SESSIONS)) + TAKES.vmCreate + TAKES.boot
  return [
    { what: 'all asked for at once are played after', value: load.took, unit: 's' },
    ...besideBound(load.took, { of: 'two network writes each, the last interface, machine and boot', bound }),
    { what: '  played after: the first', value: quantile(waits, 0), unit: 's' },
    { what: '  played after: p50', value: quantile(waits, 0.5), unit: 's' },
    ...askedFigures(load, SESSIONS),
  ]
}
