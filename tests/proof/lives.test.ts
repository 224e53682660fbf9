// In each scene of a machine's life, and of a session's, the operator is cut off at every single call: right after the
// reply, and after the effect with the reply lost. Another goes on, and the end is that of the undisturbed scene, with the
// same addresses, disks and objects. A cut that no try struck, since the operator was done with less, is printed. When that
// is done, lives by lot take what is left of the minutes for both. Time is driven by hand: it stands still for as long as
// anybody has something left to do in it.
import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWorld, type World } from '../operator/support/world.ts'
import { places } from '../random/place.ts'
import { bySeed, playMany } from '../random/run.ts'
import { type Cut, type Ending, type MatrixScene, madeTwice, playScene } from './matrix.ts'
import { machineScenes } from './matrix-machines.ts'
import { sessionScenes } from './matrix-sessions.ts'

/** Of the lives by lot, and with the simulated Azure's: printed, it plays the same again. */
const seed = Number(process.env.WASD_SEED ?? randomInt(2 ** 31))
/**
 * For all of this file: first the matrices, whose length is what it is, then as many lives by lot as the rest takes. The
 * eighth minute that the operator's proofs have is machines.test.ts's.
 */
const MINUTES = 7
/** So many are played, however long the matrices took. */
const LEAST_LIVES = 24
const began = performance.now()
/** As many operators as are at work here may keep one another waiting. */
const PATIENCE_SECONDS = 60

let world: World
beforeAll(async () => {
  world = await startWorld({ ...bySeed(seed), patienceSeconds: PATIENCE_SECONDS })
})
afterAll(async () => await world?.stop())

const NEVER = Number.MAX_SAFE_INTEGER
/**
 * Of the cuts that the undisturbed scene has calls for. Where things race (an eviction and a deletion, removals side by side),
 * an operator that has less to do is done before the last; the table says of each scene how many struck.
 */
const LEAST_SHARE = 0.75
/** Of a cut that comes too late: how many calls a scene takes hangs on who is first in it. */
const MOST_TRIES = 3
/** Of one scene, and of scenes as many as are played at once: at any moment most of them wait for Azure. */
const SIDE_BY_SIDE = 5
const scenes = [...machineScenes, ...sessionScenes]
/** Of these a scene leaves nothing to be had: where they may be come upon, none of the others is played. */
const spoiled = scenes.flatMap(({ sizes }) => sizes?.[0] ?? [])
const counts: object[] = []
/** The cuts that no try struck, by what stood there in the undisturbed scene. */
const notStruck: string[] = []
afterAll(() => {
  console.table(counts)
  console.info([`Not struck: ${notStruck.length || 'none'}`, ...notStruck].join('\n'))
})

const isChange = (call: string) => /^(put|create|start|deallocate|delete|update|patch)/.test(call)

const wordsOf = ({ title }: MatrixScene, { after, isReplyHeard }: Cut) =>
  `${title}, cut off after call ${after}${isReplyHeard ? '' : ', its reply lost'}`

/** After every call; a look has no effect to be lost. */
function cutsOf(calls: string[]): Cut[] {
  return calls.flatMap((call, at) => {
    const replies = isChange(call) ? [true, false] : [false]
    return replies.map(isReplyHeard => ({ after: at + 1, isReplyHeard }))
  })
}

/** On sizes of the scene's own each region is one place. */
const onePerRegion = <At extends { region: string }>(places: readonly At[]): At[] => [
  ...new Map(places.map(place => [place.region, place])).values(),
]

test.concurrent.for(scenes)(
  'I1, I2, I3, I4, I6: $title, cut off at any call, the end is the same',
  { timeout: 900_000 },
  async (scene, { expect }) => {
    const index = scenes.indexOf(scene)
    // Which zone a session takes is the operator's choice; a machine's is its spec's.
    const fit = places(world).filter(
      ({ zones, sizes }) =>
        (scene.operated === undefined || zones === undefined) && !sizes.some(size => spoiled.includes(size)),
    )
    const turned = [...fit.slice(index % fit.length), ...fit.slice(0, index % fit.length)]
    const { sizes } = scene
    const ground = (sizes ? onePerRegion(turned).map(place => ({ ...place, sizes })) : turned).slice(0, SIDE_BY_SIDE)
    const [first] = ground
    if (first === undefined) throw new Error('The catalogue has no region to play in.')
    let number = 0
    const played = async (place: typeof first, cut: Cut): Promise<Ending> => {
      const stage = await world.scene(`matrix-${index}-${++number}`)
      try {
        return await playScene(scene, { world, scene: stage, place }, cut)
      } catch (error) {
        throw new Error(`${wordsOf(scene, cut)}: ${error instanceof Error ? error.message : error}`, { cause: error })
      } finally {
        await stage.end()
      }
    }
    const undisturbed = await played(first, { after: NEVER, isReplyHeard: true })

    const waiting = cutsOf(undisturbed.calls)
    const count = { scene: scene.title, planned: waiting.length, struck: 0, machines: 0, madeTwice: 0, orphans: 0 }
    count.machines = undisturbed.accepted.length
    const work = async (place: typeof first) => {
      for (let cut = waiting.shift(); cut !== undefined; cut = waiting.shift()) {
        let ending = await played(place, cut)
        for (let tries = 1; ending.cutAt === undefined && tries < MOST_TRIES; tries += 1)
          ending = await played(place, cut)
        if (ending.cutAt !== undefined) count.struck += 1
        else notStruck.push(`  ${wordsOf(scene, cut)} (${undisturbed.calls[cut.after - 1]})`)
        count.madeTwice += madeTwice(ending)
        count.orphans += ending.orphans.length
        expect({ ...cut, twice: madeTwice(ending), orphans: ending.orphans }).toEqual({ ...cut, twice: 0, orphans: [] })
        if (!scene.isRace) expect({ ...cut, of: ending.accepted }).toEqual({ ...cut, of: undisturbed.accepted })
        expect(ending.dump, wordsOf(scene, cut)).toBe(undisturbed.dump)
      }
    }
    /** The first that fails is told when all have come to their end: else their operators go on. */
    const workers = ground.map(async place => await work(place).finally(() => waiting.splice(0)))
    counts.push(count)
    await Promise.allSettled(workers)
    await Promise.all(workers)
    expect(count.struck).toBeGreaterThanOrEqual(count.planned * LEAST_SHARE)
  },
)

test(`I1, I2, I3, I4, I6, I7: lives by lot from seed ${seed} each come to rest, and leave nothing`, async () => {
  const end = began + MINUTES * 60_000
  const isEnough = (before: number) => before >= LEAST_LIVES && performance.now() > end
  const outcome = await playMany(world, { seed, isEnough })
  console.info({ seed, ...outcome })
  expect(outcome.played).toBeGreaterThanOrEqual(LEAST_LIVES)
}, 900_000)
