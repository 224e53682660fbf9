// One evening of one gamer, who tops up, plays, is evicted, plays on and stops. Between two of their steps something
// may strike.
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import { gamer } from '../../demo/evening/gamer.ts'
import { visitor } from '../../demo/evening/visitor.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import type { Json } from './canonical.ts'
import { type AzureState, dump, dumpWorld, markNow, type Sources } from './dump.ts'
import type { Theatre } from './theatre.ts'

/** Seconds that the gamer plays before and after the eviction, so that there is something to bill. */
const PLAYED_SECONDS = 1
const PATIENCE_SECONDS = 60

/** What the gamer, or Azure, does. */
export type Moment = 'Start' | 'Eviction' | 'Stop'

/** What interferes with an evening, and at which moment of it. */
export interface Blow {
  at: Moment
  /** Lets the moment happen by `act`, and strikes. */
  fall(evening: Evening, act: () => Promise<void>): Promise<void>
}

export interface Evening {
  readonly theatre: Theatre
  /** `undefined` before there is one. */
  session(): Promise<GameSession | undefined>
  machine(): Promise<GpuVm | undefined>
  azure(): Promise<AzureState>
  /** The wallet's account. */
  account(): Promise<string>
  /** What is in the books of the session; `undefined` before it was written. */
  booked(): Promise<{ ended: boolean } | undefined>
}

export interface Ending {
  /** Azure and Kubernetes while the gamer plays on after the eviction. */
  playingOn: Json
  /** Everything, when all is over. */
  over: Json
  /** Everything as it is now. `sources`: through whose eyes. */
  again(sources?: Sources): Promise<Json>
}

/** Plays an evening to its receipt. Throws in words when a step of it does not come. */
export async function play(theatre: Theatre, blow?: Blow): Promise<Ending> {
  const mark = await markNow(theatre)
  const { timeline, telegram, stop, azure } = theatre
  const asha = await gamer({ telegram, timeline, firstName: 'Asha', stop })
  const evening = eveningOf(theatre, asha.chatId)
  const moment = async (now: Moment, act: () => Promise<void>) => {
    await (blow?.at === now ? blow.fall(evening, act) : act())
  }
  const withinSeconds = PATIENCE_SECONDS

  await asha.write('/start')
  await asha.reads(/Your balance/, { since: 0 })
  await asha.press('Top up')
  await asha.reads(/How much/, { since: 0 })
  await asha.press('₹500')
  const offer = await asha.reads(/₹500\.00/, { since: 0 })
  const page = offer.buttons.flat().find(({ url }) => url !== undefined)?.url ?? ''
  await visitor({ apiUrl: theatre.stack.urls.api, timeline }).paysOnTheWeb(page)
  await asha.reads(/is in your wallet\. Your balance/, { since: 0 })

  await asha.write('/play')
  await asha.reads(/What would you like to play/, { since: 0 })
  await asha.press('Neon Rally')
  await asha.reads(/Which machine/, { since: 0 })
  await asha.press('Standard')
  await asha.reads(/counted by the second/, { since: 0 })
  const started = asha.mark()
  await moment('Start', async () => void (await asha.press('Start')))
  await asha.reads(/is ready\. Its address/, { since: started, withinSeconds })
  await clock.sleep(PLAYED_SECONDS * 1000)

  const evicted = asha.mark()
  const before = await theatre.until('a machine that plays', async () => await playableMachine(evening))
  const vm = before.status?.resources?.virtualMachine
  await moment('Eviction', async () => void (await azure.post('/simulator/evict', { vm })))
  await asha.reads(/You can go on/, { since: evicted, withinSeconds })
  await theatre.until('a machine at rest', async () => await playableMachine(evening))
  await clock.sleep(PLAYED_SECONDS * 1000)
  const playingOn = await dumpWorld(theatre, mark)

  await asha.write('/stop')
  await asha.reads(/Stop .*\?/, { since: 0 })
  const stopped = asha.mark()
  await moment('Stop', async () => void (await asha.press('Yes, stop it')))
  await asha.reads(/has ended/, { since: stopped, withinSeconds })
  await theatre.until('the end of it all', async () => (await isOver(evening)) && (await isQueueEmpty(theatre)))
  return { playingOn, over: await dump(theatre, mark), again: async (sources = theatre) => await dump(sources, mark) }
}

/** After an evening that failed: ends what it left running, so that the next ones are judged by themselves. */
export async function clear({ kube, namespace, until, isAzureEmpty }: Theatre): Promise<void> {
  const { items } = await kube.list(gameSessions, { namespace })
  for (const { metadata, status } of items) {
    const reference = { namespace, name: metadata.name }
    if (status?.phase !== 'Ended') await kube.mergePatch(gameSessions, reference, { spec: { desiredState: 'Ended' } })
  }
  await until('nothing of ours in Azure', isAzureEmpty)
}

function eveningOf(theatre: Theatre, chatId: number): Evening {
  const { kube, sql, namespace, azure } = theatre
  const booked = async () => {
    const [row] = await sql<{ id: string; ended: boolean }[]>`
      SELECT s.id, s.ended_at IS NOT NULL AS ended
      FROM sessions s JOIN players p ON p.id = s.player_id WHERE p.telegram_chat_id = ${chatId}`
    return row
  }
  const session = async () => {
    const row = await booked()
    return row && (await kube.get(gameSessions, { namespace, name: `gs-${row.id}` }))
  }
  return {
    theatre,
    booked,
    session,
    async machine() {
      const { uid } = (await session())?.metadata ?? {}
      const { items } = await kube.list(gpuVms, { namespace })
      return items.find(({ metadata }) => metadata.ownerReferences?.some(owner => owner.uid === uid))
    },
    azure: async () => await azure.get<AzureState>('/simulator/state'),
    async account() {
      const [row] = await sql<{ account: string }[]>`
        SELECT a.id AS account FROM wallet_accounts a JOIN players p ON p.id = a.player_id
        WHERE p.telegram_chat_id = ${chatId}`
      return row?.account ?? ''
    },
  }
}

/** The machine, once it and its session say that nothing is under way any more. */
async function playableMachine(evening: Evening): Promise<GpuVm | undefined> {
  const [session, machine] = await Promise.all([evening.session(), evening.machine()])
  const isAtRest = [session, machine].every(each => {
    const conditions = each?.status?.conditions
    return ['Ready', 'Playable'].every(type => condition(conditions, type)?.status === 'True')
  })
  return isAtRest && machine?.status?.operation === undefined ? machine : undefined
}

/** Said by the operator, and let go of by the API. */
async function isOver(evening: Evening): Promise<boolean> {
  const session = await evening.session()
  return session?.status?.phase === 'Ended' && !session.metadata.finalizers?.includes('wasd.cloud/settlement')
}

async function isQueueEmpty({ sql }: Theatre): Promise<boolean> {
  const [row] = await sql<{ pending: boolean }[]>`
    SELECT EXISTS (SELECT FROM queue_items WHERE dead_at IS NULL) AS pending`
  return row?.pending === false
}
