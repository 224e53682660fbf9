import { beforeEach, expect, test } from 'vitest'
import type { Catalogue } from '../../crds/catalogue.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { type Answer, answer } from './answer.ts'
import { callbackData, type Press, readPress } from './buttons.ts'
import type { BotOutside, Refundable, RunningSession } from './outside.ts'
import { wordsFor } from './words.ts'

const tier = { sizes: [], osDiskGiB: 128 }
const game = { image: 'linux', tiers: ['standard', 'ultra'] }
const manyGames = Object.fromEntries(
  Array.from({ length: 20 }, (_, index) => [`game-${index}`, { ...game, title: `Game ${index}` }]),
)
const session: RunningSession = {
  id: '01jd0000000000000000000000',
  game: 'quake',
  tier: 'standard',
  state: 'Playing',
  host: '203.0.113.5',
  ratePaisePerHour: 6000n,
  playedSeconds: 90,
  costPaise: 150n,
}

interface World {
  catalogue: Catalogue
  availablePaise: bigint
  running: RunningSession | undefined
  startFails: Error | undefined
  started: string[]
  stopped: string[]
  refundables: Refundable[]
  refundFails: Error | undefined
  refunded: string[]
}

let world: World
let outside: BotOutside

beforeEach(() => {
  world = {
    catalogue: {
      games: { quake: { ...game, title: 'Quake' } },
      tiers: {
        standard: { ...tier, title: 'Standard', pricePaisePerHour: 6000 },
        ultra: { ...tier, title: 'Ultra', pricePaisePerHour: 24_000 },
      },
      sizes: {},
      images: {},
      regions: {},
    },
    availablePaise: 50_000n,
    running: undefined,
    startFails: undefined,
    started: [],
    stopped: [],
    refundables: [],
    refundFails: undefined,
    refunded: [],
  }
  outside = {
    log: createLogger({ program: 'test', level: 'silent' }),
    catalogue: () => world.catalogue,
    player: async () => ({ id: 'p1' }),
    wallet: async () => ({ availablePaise: world.availablePaise, heldPaise: 0n, owedPaise: 0n }),
    statement: async () => [],
    receipt: async () => undefined,
    affordableSeconds: ({ paise, ratePaisePerHour }) => Number((paise * 3600n) / ratePaisePerHour),
    minimumPaise: rate => rate / 60n,
    topUpLimits: { minimumPaise: 1000n, maximumPaise: 1_000_000n },
    topUpUrl: async () => 'https://play.example.com/top-up/token',
    starsInvoice: async () => ({ payload: 'top-up', stars: 385, amountPaise: 50_050n }),
    checkStars: async () => 'Accepted',
    creditStars: async () => 'InBooks',
    takeInStarsRefund: async () => undefined,
    refundables: async () => world.refundables,
    refund: async ({ payment, amountPaise }) => {
      if (world.refundFails) throw world.refundFails
      world.refunded.push(`${payment}: ${amountPaise}`)
    },
    session: async () => world.running,
    start: async ({ game: key, tier: tierKey }) => {
      if (world.startFails) throw world.startFails
      world.started.push(`${key}/${tierKey}`)
    },
    stop: async ({ sessionId }) => void world.stopped.push(sessionId),
  }
})

const words = wordsFor('en')
const ask = (press: Press) => answer(press, { playerId: 'p1', firstName: 'Asha', words }, outside)

/** What a person sees: the words without markup, and what the buttons would do. */
async function seen(press: Press): Promise<{ text: string; buttons: (Press | string | undefined)[] }> {
  return shown(await ask(press))
}

function shown(what: Answer): { text: string; buttons: (Press | string | undefined)[] } {
  if ('invoice' in what) throw new Error('an invoice is not a screen')
  const { games, tiers } = world.catalogue
  const known = { games: Object.keys(games), tiers: Object.keys(tiers) }
  const buttons = what.show.buttons
    .flat()
    .map(each =>
      'callback_data' in each ? readPress(each.callback_data, known) : 'url' in each ? each.url : undefined,
    )
  return { text: what.show.text.text.replace(/<[^>]+>/g, ''), buttons }
}

const coded = (code: string) => Object.assign(new Error(code), { code })
const start = { do: 'Start', game: 'quake', tier: 'standard', ratePaisePerHour: 6000 } as const

test('home greets by name and offers play, balance and top-up', async () => {
  const { text, buttons } = await seen({ do: 'Home' })
  expect(text).toContain('Hi Asha!')
  expect(text).toContain('₹500.00')
  expect(buttons).toEqual([{ do: 'Games', offset: 0 }, { do: 'Balance' }, { do: 'TopUp' }])
})

test('from the list of games to a started session each screen leads to the next', async () => {
  const games = await seen({ do: 'Games', offset: 0 })
  expect(games.buttons[0]).toEqual({ do: 'Game', game: 'quake' })
  const tiers = await seen({ do: 'Game', game: 'quake' })
  expect(tiers.text).toContain('₹60.00 an hour; your balance buys 8 h 20 min.')
  expect(tiers.buttons[0]).toEqual({ do: 'Tier', game: 'quake', tier: 'standard' })
  const confirm = await seen({ do: 'Tier', game: 'quake', tier: 'standard' })
  expect(confirm.buttons[0]).toEqual(start)
  const started = await seen(start)
  expect(started.text).toContain('Getting your Standard machine for Quake')
  expect(started.buttons).toEqual([{ do: 'Status' }, { do: 'Stop' }])
  expect(world.started).toEqual(['quake/standard'])
})

test('a long list of games is turned over, and comes round', async () => {
  world.catalogue = { ...world.catalogue, games: manyGames }
  const first = await seen({ do: 'Games', offset: 0 })
  expect(first.buttons).toHaveLength(9)
  expect(first.buttons.at(-1)).toEqual({ do: 'Games', offset: 8 })
  expect((await seen({ do: 'Games', offset: 16 })).buttons.at(-1)).toEqual({ do: 'Games', offset: 0 })
  expect((await seen({ do: 'Games', offset: 999 })).buttons[0]).toEqual({ do: 'Game', game: 'game-0' })
})

test('an amount can be paid on the web or with Stars', async () => {
  const { buttons } = await seen({ do: 'TopUpAmount', amountPaise: 50_000n })
  expect(buttons[0]).toBe('https://play.example.com/top-up/token')
  expect(buttons[1]).toEqual({ do: 'PayWithStars', amountPaise: 50_000n })
  expect(await ask({ do: 'PayWithStars', amountPaise: 50_000n })).toEqual({
    invoice: { payload: 'top-up', stars: 385, amountPaise: 50_050n },
  })
})

test.each([0n, 900n, 1_050n, 1_000_100n])(
  'I8: %d paise cannot be topped up, and the limits are told',
  async amountPaise => {
    for (const rail of ['TopUpAmount', 'PayWithStars'] as const) {
      expect((await seen({ do: rail, amountPaise })).text).toContain('between ₹10.00 and ₹10,000.00')
    }
  },
)

test('I8: too little money leads to the top-up buttons, and nothing is started', async () => {
  world.availablePaise = 5n
  const { text, buttons } = await seen({ do: 'Tier', game: 'quake', tier: 'standard' })
  expect(text).toContain('at least ₹1.00, and you have ₹0.05')
  expect(buttons).toContainEqual({ do: 'TopUpAmount', amountPaise: 50_000n })
  world.startFails = coded('InsufficientFunds')
  expect((await seen(start)).buttons).toContainEqual({ do: 'TopUpAmount', amountPaise: 50_000n })
})

test('I8: a second session is refused with the way to the first', async () => {
  world.running = { ...session, tier: 'ultra' }
  const early = await seen({ do: 'Tier', game: 'quake', tier: 'standard' })
  expect(early.text).toContain('Quake is already running')
  world.startFails = coded('SessionActive')
  expect((await seen(start)).buttons).toEqual([{ do: 'Status' }, { do: 'Stop' }])
})

test('a second tap on Start shows the session that the first one began', async () => {
  world.running = { ...session, state: 'Starting' }
  world.startFails = coded('SessionActive')
  expect((await seen(start)).text).toContain('Quake on Standard: 🚀 starting up')
})

test.each([
  ['GameUnknown', 'That game is not in the list any more'],
  ['TierUnknown', 'That machine is not in the list any more'],
])('I8: a start refused with %s shows what there is instead', async (code, sentence) => {
  world.startFails = coded(code)
  const { text, buttons } = await seen(start)
  expect(text).toContain(sentence)
  expect(buttons.length).toBeGreaterThan(0)
})

test('I8: a tier that the game is not played in is not offered for confirmation', async () => {
  world.catalogue.tiers.light = { ...tier, title: 'Light', pricePaisePerHour: 100 }
  expect((await seen({ do: 'Tier', game: 'quake', tier: 'light' })).text).toContain('not in the list any more')
})

test('a price that changed since the button was made is asked for again, and nothing is started', async () => {
  const { text, buttons } = await seen({ ...start, ratePaisePerHour: 5000 })
  expect(text).toContain('The price has changed')
  expect(buttons[0]).toEqual(start)
  expect(world.started).toEqual([])
})

test('an error that is no refusal rises', async () => {
  world.startFails = coded('ECONNREFUSED')
  await expect(ask(start)).rejects.toThrow('ECONNREFUSED')
})

test('stopping asks first, then stops that very session', async () => {
  world.running = session
  const { text, buttons } = await seen({ do: 'Stop' })
  expect(text).toContain('Save in the game first')
  expect(buttons[0]).toEqual({ do: 'StopNow', session: session.id })
  await ask({ do: 'StopNow', session: session.id })
  expect(world.stopped).toEqual([session.id])
})

test('an old stop button does not end a session that began after it', async () => {
  world.running = session
  expect((await seen({ do: 'StopNow', session: '01jc0000000000000000000000' })).text).toContain('Nothing is running')
  expect(world.stopped).toEqual([])
})

test.each(['Status', 'Stop'] as const)('%s with nothing running leads to the games', async word => {
  const { text, buttons } = await seen({ do: word })
  expect(text).toContain('Nothing is running')
  expect(buttons[0]).toEqual({ do: 'Games', offset: 0 })
})

test('the status tells where, how long and how much', async () => {
  world.running = session
  const { text } = await seen({ do: 'Status' })
  expect(text).toContain('203.0.113.5')
  expect(text).toContain('Played 1 min 30 s at ₹60.00 an hour: ₹1.50 so far.')
})

test('every button made fits into 64 bytes', async () => {
  for (const press of [{ do: 'Home' }, { do: 'Game', game: 'quake' }, start] as const) {
    expect(Buffer.byteLength(callbackData(press))).toBeLessThanOrEqual(64)
  }
})

test('I4 I8: a refund is agreed to by its amount; another amount is asked for again, and one that may not be changes nothing', async () => {
  const paidAt = new Date('2026-11-23T12:00:00.000Z')
  world.refundables = [{ payment: '7', rail: 'Razorpay', paidPaise: 50_000n, amountPaise: 32_000n, paidAt }]
  expect(await seen({ do: 'Refunds' })).toMatchObject({ buttons: [{ do: 'Refund', payment: '7' }, { do: 'Balance' }] })
  const asked = await seen({ do: 'Refund', payment: '7' })
  expect(asked.text).toContain('Refund ₹320.00 of what you paid on 23 Nov?')
  expect(asked.buttons).toEqual([{ do: 'RefundNow', payment: '7', amountPaise: 32_000n }, { do: 'Balance' }])
  const changed = await seen({ do: 'RefundNow', payment: '7', amountPaise: 40_000n })
  expect(changed.text).toContain('has changed since you looked')
  expect(world.refunded).toEqual([])
  world.refundFails = Object.assign(new Error('held'), { code: 'NothingToRefund' })
  expect((await seen({ do: 'RefundNow', payment: '7', amountPaise: 32_000n })).text).toContain('Which payment')
  world.refundFails = undefined
  expect((await seen({ do: 'RefundNow', payment: '7', amountPaise: 32_000n })).text).toContain('on its way back')
  expect(world.refunded).toEqual(['7: 32000'])
  world.refundables = []
  expect((await seen({ do: 'Refund', payment: '7' })).text).toContain('Nothing can go back now')
})
