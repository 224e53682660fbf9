// Every limit of the operator's configuration, in every scope it may have: who is above one waits with the reason, is never
// failed for it, and is let in when something frees or when the limit is raised.
import { beforeAll, expect, test } from 'vitest'
import type { GameSession, GameSessionSpec } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import type { ConfiguredLimits, Limits } from '../../operator/capacity/limits.ts'
import { REGION, type Scene, type World } from './support/world.ts'

const ELSEWHERE = 'northeurope'

const readyOf = ({ status }: GameSession) => condition(status?.conditions, 'Ready')
const isRunning = ({ status }: GameSession) => status?.phase === 'Running'

interface Limit {
  /** Of which one machine is within it, and a second is not. */
  narrow: Limits
  wide: Limits
  wish: Partial<GameSessionSpec>
  /** What the second is told; `WHERE` stands for the scope. */
  words: string
}
const limits: Record<string, Limit> = {
  machines: {
    narrow: { machines: 1 },
    wide: { machines: 2 },
    wish: {},
    words: 'The limit of machines WHERE is reached: 1 of at most 1 stand.',
  },
  price: {
    narrow: { hourlyPriceUsd: 0.3 },
    wide: { hourlyPriceUsd: 0.4 },
    wish: { capacity: { preference: 'SpotOnly' } },
    words:
      'The limit of the price per hour WHERE is reached: what stands costs 0.2 USD, with this one it would be 0.4, and at most 0.3 is permitted.',
  },
  share: {
    narrow: { onDemandShare: 0.25 },
    wide: { onDemandShare: 1 },
    wish: { capacity: { preference: 'OnDemandOnly' } },
    words:
      'The limit of the on-demand share WHERE is reached: 1 of 1 machines is on-demand, and of 2 at most 1 may be, a share of 0.25.',
  },
}

type ScopeName = 'all' | 'namespace' | 'region'
const scopes: Record<ScopeName, { where: string; under(namespace: string, limits: Limits): ConfiguredLimits }> = {
  all: { where: 'in all', under: (_, limits) => ({ ...limits, namespaces: {}, regions: {} }) },
  namespace: {
    where: 'in namespace NAME',
    under: (namespace, limits) => ({ namespaces: { [namespace]: limits }, regions: {} }),
  },
  region: { where: `in region ${REGION}`, under: (_, limits) => ({ namespaces: {}, regions: { [REGION]: limits } }) },
}

const cases = Object.entries(limits).flatMap(([name, limit]) =>
  (['all', 'namespace', 'region'] as const).map(scope => ({ name: `${name}-${scope}`, limit, scope })),
)

export function limitsAreKept(world: () => World): void {
  beforeAll(async () => {
    for (const region of [REGION, ELSEWHERE])
      for (const size of ['Standard_NV12ads_A10_v5', 'Standard_NC8as_T4_v3'])
        await world().azure.control('POST', 'price', { region, size, priority: 'Spot', usdPerHour: 0.2 })
  })

  test.concurrent.each(cases)(
    'the limit $name is waited for with words, and then the session is played',
    async ({ name, limit, scope }) => {
      const scene = await world().scene(name)
      const neighbour = await world().scene(`${name}-next-door`)
      const { under, where } = scopes[scope]
      const operate = (allowed: Limits) =>
        scene.operate({
          sessions: true,
          others: [neighbour.namespace],
          capacity: { prices: true, limits: under(scene.namespace, allowed) },
        })
      const play = async (session: string) => await scene.play(session, { ...limit.wish, player: session })
      const waits = async (session: string) => {
        const waiting = await scene.session(
          session,
          'waits',
          one => readyOf(one)?.message.includes(' is reached: ') === true,
        )
        expect(readyOf(waiting)).toMatchObject({ status: 'Unknown', reason: 'LimitReached' })
        expect(readyOf(waiting)?.message).toContain(limit.words.replace('WHERE', where.replace('NAME', name)))
        expect(condition(waiting.status?.conditions, 'Stalled')).toBeUndefined()
        expect(waiting.status).toMatchObject({ phase: 'Pending', billing: { seconds: 0 } })
        expect((await world().kube.list(gpuVms, { namespace: name })).items.map(machineOf)).not.toContain(session)
        await scene.until('it is told', async () => (await scene.eventsOf(session)).includes('LimitReached'))
      }

      const first = operate(limit.narrow)
      await play('one')
      await scene.session('one', 'is let in', isRunning)
      await play('two')
      await waits('two')
      await isNotHeld({ scene, neighbour, scope, wish: limit.wish })

      await scene.want('one', { spec: { desiredState: 'Ended' } })
      await scene.session('two', 'is let in when there is room', isRunning)
      await play('three')
      await waits('three')
      await first.stop() // As a changed value rolls the Deployment.
      operate(limit.wide)
      await scene.session('three', 'is let in when the limit is raised', isRunning)
      await scene.end()
    },
  )

  /** What does not fall under the limit's scope is let in while another waits. */
  async function isNotHeld(given: {
    scene: Scene
    neighbour: Scene
    scope: ScopeName
    wish: Partial<GameSessionSpec>
  }): Promise<void> {
    const { scene, neighbour, scope, wish } = given
    if (scope === 'all') return
    const session = { ...wish, player: `${scene.namespace}-other` }
    if (scope === 'namespace') {
      await neighbour.play('other', session)
      await neighbour.session('other', 'is let in', isRunning)
    } else {
      await scene.play('other', { ...session, regions: [ELSEWHERE] })
      await scene.session('other', 'is let in', isRunning)
    }
  }

  function machineOf({ metadata }: { metadata: { labels?: Record<string, string> } }): string | undefined {
    return metadata.labels?.['wasd.cloud/session']
  }
}
