// What a life costs the API server. A status is written when somebody acts on it or asks about it; a write that comes
// to be made beyond those is seen here, by object.
import { expect, test } from 'vitest'
import type { GameSession } from '../../crds/types/gamesession.ts'
import { condition } from '../../lib/kube/conditions.ts'
import type { World } from './support/world.ts'

/** At most so many may it be; those of the player, who asks for the session and ends it, are among them. */
const LIMIT = 24
const PLAYERS = 2

export function livesCostFewWrites(world: () => World): void {
  test('a life of created, running, evicted, running and ended costs at most 22 writes of the operator, Events and the Lease apart', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('life', onTestFinished)
    const { writes } = scene.operate({ sessions: true })
    const is = (phase: string) => scene.session('evening', phase, ({ status }) => status?.phase === phase)

    await scene.play('evening')
    await is('Starting')
    await is('Running')
    const { metadata } = await scene.machine('evening-westeurope', 'is there', () => true)
    await azure.evict(`gvm-${metadata.uid}-vm-1`)
    await is('Recovering')
    await is('Running')
    await scene.want('evening', { spec: { desiredState: 'Ended' } })
    await is('Ended')

    const counted = () => {
      const counts: Record<string, number> = {}
      for (const write of writes) counts[write] = (counts[write] ?? 0) + 1
      return counts
    }
    const most: Record<string, number> = {
      'patch gamesessions evening': 1, // The finalizer.
      'update gamesessions/status evening': 7, // Provisioning, Starting, Running, Recovering, Running, Ending, Ended.
      'create gpuvms evening-westeurope': 1, // Its finalizer is on it from the start.
      // Create accepted, Running, Playable; Evicted, Delete accepted, Create accepted, Running, Playable; Deleting.
      'update gpuvms/status evening-westeurope': 9,
      'delete gpuvms evening-westeurope': 1,
      'patch gpuvms evening-westeurope': 1, // The finalizer goes.
      'create secrets evening-westeurope': 1,
      'delete secrets evening-westeurope': 1,
    }
    // An operator that comes late may find two phases over at once, and writes the second alone.
    const excess = () => Object.entries(counted()).filter(([write, count]) => count > (most[write] ?? 0))
    // What is under way counts until it is refused, as the patch of an object that has just vanished is.
    await expect.poll(excess).toEqual([])
    expect(Object.keys(counted()).toSorted()).toEqual(Object.keys(most).toSorted())
    expect(writes.length + PLAYERS).toBeLessThanOrEqual(LIMIT)

    const before = writes.length
    await scene.drop('evening')
    await scene.until('the session is gone', async () => (await scene.sessionNow('evening')) === undefined)
    // Its deletion costs the finalizer alone, asked for once: nothing is written of what vanishes.
    await expect.poll(() => writes.slice(before)).toEqual(['patch gamesessions evening'])
  })

  test('I7: while it is played nothing is written but when more is paid for, and then one status by the operator', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('extended', onTestFinished)
    const { writes } = scene.operate({ sessions: true })
    const isSeen = ({ metadata, status }: GameSession) =>
      status?.phase === 'Running' &&
      status.conditions?.find(({ type }) => type === 'Ready')?.observedGeneration === metadata.generation
    await scene.play('evening', { paidSeconds: 3600 })
    const first = await scene.session('evening', 'runs', isSeen)
    const written = () => writes.filter(write => write.endsWith('gamesessions/status evening')).length
    const before = written()
    for (const [growth, paidSeconds] of [10_800, 18_000].entries()) {
      await scene.want('evening', { spec: { paidSeconds } })
      const grown = await scene.session('evening', 'is paid for longer', session => {
        return isSeen(session) && session.spec.paidSeconds === paidSeconds
      })
      const since = Date.parse(grown.status?.billing?.since ?? '')
      expect(Date.parse(grown.status?.paidUntil ?? '') - since).toBe(paidSeconds * 1000)
      await expect.poll(() => written() - before).toBe(growth + 1)
    }
    expect(first.status?.paidUntil).toBeDefined()
  })

  test('a new object is seen not to be done before any operator has seen it, and that is no write', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('unseen', onTestFinished)
    await scene.apply('solo')
    await scene.play('evening')
    const machine = await scene.machine('solo', 'stands', () => true)
    const session = await scene.session('evening', 'stands', () => true)
    for (const { status } of [machine, session]) {
      expect(status?.phase).toBe('Pending')
      expect(condition(status?.conditions, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'Pending' })
    }
    scene.operate({ sessions: true })
    const seen = await scene.machine('solo', 'is on its way', m => m.status?.phase === 'Creating')
    const since = condition(seen.status?.conditions, 'Ready')?.lastTransitionTime ?? ''
    expect(Date.parse(since), 'the time of the schema is nobody’s').toBeGreaterThan(Date.now() - 60_000)
  })
}
