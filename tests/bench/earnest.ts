// A world in which Azure takes its time and keeps its limits, at a speed, with one operator in it; every session and every
// call to Azure is followed.
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import type { Reflector } from '../../lib/kube/reflector.ts'
import type { Figure } from './figures.ts'
import { follow } from './following.ts'
import { followLooks, type Looks } from './looks.ts'
import { atSpeed, type OperatorProcess, REGION, startWorld, type World } from './world.ts'

export interface Stage {
  world: World
  operator: OperatorProcess
  seen: Reflector<GameSession>
  looks: Looks
}

/** `speed`: how many times as fast as in life Azure and the operator's timers run. */
export async function inEarnest(
  { folder, speed }: { folder: string; speed: number },
  play: (stage: Stage) => Promise<Figure[]>,
): Promise<Figure[]> {
  const world = await startWorld(folder, { earnest: speed })
  const following = follow(world.kube, gameSessions)
  const looks = followLooks(world)
  try {
    const operator = await world.startOperator(atSpeed(speed))
    const figures = await play({ world, operator, seen: following.seen, looks })
    await operator.stop()
    return figures
  } finally {
    await looks.end()
    await following.end()
    await world.stop()
  }
}

/** By session, from now on: when it first said that it is played. */
export function firstPlayed(seen: Reflector<GameSession>): ReadonlyMap<string, number> {
  const playedAt = new Map<string, number>()
  seen.onChange(({ object: { metadata, status } }) => {
    if (status?.phase === 'Running' && !playedAt.has(metadata.name)) playedAt.set(metadata.name, Date.now())
  })
  return playedAt
}

/** Every machine of the region, without notice. When Azure stops them: at once. */
export async function evictRegion({ azure }: World): Promise<number> {
  const reply = await azure.control('POST', 'evict', { region: REGION, noticeSeconds: 0 })
  const [, at] = /"preemptAt":"([^"]+)"/.exec(JSON.stringify(reply)) ?? []
  return Date.parse(at ?? '')
}
