// In each scene of a machine's life the operator is cut off at every single call it makes: right after the reply, and
// after the effect with the reply lost. Another goes on, and the end is that of the undisturbed scene.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWorld, type World } from '../operator/support/world.ts'
import { places } from '../random/run.ts'
import { type Ending, playScene, scenes } from './matrix.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => await world?.stop())

const NEVER = Number.MAX_SAFE_INTEGER
const counts: { scene: string; cuts: number; machines: number }[] = []
afterAll(() => console.table(counts))

/** After every call; a look has no effect to be lost, and one that repeats itself while Azure works is cut at once. */
function cutsOf(calls: string[]): { after: number; isReplyHeard: boolean }[] {
  const isChange = (call: string) => /^(put|create|start|deallocate|delete|update|patch)/.test(call)
  return calls.flatMap((call, at) => {
    if (isChange(call)) return [true, false].map(isReplyHeard => ({ after: at + 1, isReplyHeard }))
    return call === calls[at - 1] ? [] : [{ after: at + 1, isReplyHeard: false }]
  })
}

test.each(scenes)(
  'I1, I2, I6: $title, cut off at any call, the end is the same',
  async scene => {
    const index = scenes.indexOf(scene)
    const [first] = places(world)
    if (first === undefined) throw new Error('The catalogue has no region to play in.')
    let number = 0
    const played = async (place: typeof first, cut: { after: number; isReplyHeard: boolean }): Promise<Ending> => {
      const stage = await world.scene(`matrix-${index}-${++number}`)
      try {
        return await playScene(scene, { world, scene: stage, place }, cut)
      } catch (error) {
        const where = `${scene.title}, cut off after call ${cut.after}${cut.isReplyHeard ? '' : ', its reply lost'}`
        throw new Error(`${where}: ${error instanceof Error ? error.message : error}`, { cause: error })
      } finally {
        await stage.end()
      }
    }
    const undisturbed = await played(first, { after: NEVER, isReplyHeard: true })

    const waiting = cutsOf(undisturbed.calls)
    let cuts = 0
    const work = async (place: typeof first) => {
      for (let cut = waiting.shift(); cut !== undefined; cut = waiting.shift()) {
        const { dump, accepted, cutAt } = await played(place, cut)
        expect({ ...cut, accepted }).toEqual({ ...cut, accepted: undisturbed.accepted })
        expect(dump).toBe(undisturbed.dump)
        if (cutAt !== undefined) cuts += 1
      }
    }
    await Promise.all(places(world).map(work))
    counts.push({ scene: scene.title, cuts, machines: undisturbed.accepted.length })
    expect(cuts).toBeGreaterThan(0)
  },
  600_000,
)
