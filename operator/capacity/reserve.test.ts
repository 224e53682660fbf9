import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keptCores, keptMachines, rescueChance } from './reserve.ts'

test.each([
  { machines: 0, share: 0.1, minimum: 1, kept: 0 },
  { machines: 1, share: 0.1, minimum: 1, kept: 1 },
  { machines: 10, share: 0.1, minimum: 1, kept: 1 },
  { machines: 11, share: 0.1, minimum: 1, kept: 2 },
  { machines: 100, share: 0.25, minimum: 1, kept: 25 },
  { machines: 3, share: 0.1, minimum: 5, kept: 3 },
  { machines: 100, share: 0, minimum: 0, kept: 0 },
  { machines: 7, share: 1, minimum: 0, kept: 7 },
])('of $machines spot machines, $kept are kept room for', ({ machines, share, minimum, kept }) => {
  expect(keptMachines({ machines, largest: 12 }, { share, minimum })).toBe(kept)
  expect(keptCores({ machines, largest: 12 }, { share, minimum })).toBe(kept * 12)
})

describe('the chance of a rescue', () => {
  const calm = { granted: 0, refused: 0 }

  test.each([
    { machines: 0, freeMachines: 0, share: 0.1, chance: 1 },
    { machines: 5, freeMachines: 0, share: 0.1, chance: 0 },
    { machines: 5, freeMachines: 5, share: 0.1, chance: 1 },
    { machines: 5, freeMachines: Number.POSITIVE_INFINITY, share: 1, chance: 1 },
    { machines: 4, freeMachines: 1, share: 1, chance: 0.25 },
    // One of two free: (2 × ½·½ × 1 + ¼ × 1) / 1.
    { machines: 2, freeMachines: 1, share: 0.5, chance: 0.75 },
  ])('$machines machines, room for $freeMachines, strikes of $share: $chance', ({ chance, ...seen }) => {
    expect(rescueChance({ ...seen, ...calm })).toBeCloseTo(chance, 12)
  })

  test('Azure’s refusals of on-demand lower it, its grants raise it', () => {
    const seen = { machines: 0, freeMachines: 0, share: 0.1 }
    expect(rescueChance({ ...seen, granted: 0, refused: 1 })).toBe(0.5)
    expect(rescueChance({ ...seen, granted: 3, refused: 1 })).toBe(0.8)
  })

  test('it is a chance, and room never lowers it, for fleets of any size', () => {
    const fleets = fc.record({
      machines: fc.nat(5000),
      freeMachines: fc.nat(5000),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      granted: fc.nat(1000),
      refused: fc.nat(1000),
    })
    fc.assert(
      fc.property(fleets, seen => {
        const chance = rescueChance(seen)
        expect(chance).toBeGreaterThanOrEqual(0)
        expect(chance).toBeLessThanOrEqual(1)
        expect(rescueChance({ ...seen, freeMachines: seen.freeMachines + 1 })).toBeGreaterThanOrEqual(chance - 1e-9)
        expect(rescueChance({ ...seen, refused: seen.refused + 1 })).toBeLessThanOrEqual(chance)
      }),
    )
  })
})
