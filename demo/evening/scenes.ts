// One evening, scene by scene. Each waits for what a person would wait for: words in the chat, a phase in kubectl.
import type { Timeline } from '../timeline.ts'
import type { Control } from './control.ts'
import type { ChatMessage, Gamer } from './gamer.ts'
import type { Sre } from './sre.ts'
import type { Visitor } from './visitor.ts'

export interface Stage {
  timeline: Timeline
  gamer: Gamer
  sre: Sre
  visitor: Visitor
  azure: Control
  razorpay: Control
  /** Lets real seconds pass: what is played is billed by the real clock. */
  pass(seconds: number): Promise<void>
}

/** What the account needs to know of the evening. */
export interface Remembered {
  session: string
  hostBefore: string
  hostAfter: string
  /** RFC 3339, while the gamer played and nothing else happened. */
  quiet: { from: string; to: string }
  refusals: { said: string; changed: boolean }[]
}

/** Seconds of undisturbed play, in which the API server must not see a single write of ours but the Lease. */
const QUIET_SECONDS = 5

export async function topUp({ timeline, gamer, visitor, razorpay }: Stage): Promise<void> {
  timeline.chapter('The gamer tops up the wallet')
  await after(gamer, () => gamer.write('/start'), /Your balance/)
  await after(gamer, () => gamer.press('Top up'), /How much/)
  const offer = await after(gamer, () => gamer.press('₹500'), /₹500\.00/)
  const page = offer.buttons.flat().find(button => button.url)?.url
  if (page === undefined) throw new Error('The bot offers no link to pay on the web.')
  await after(gamer, () => visitor.paysOnTheWeb(page), /is in your wallet/)

  timeline.say(
    'mallory',
    "An attacker sends a captured payment that Razorpay did not sign, then Razorpay's own webhook once more",
  )
  await visitor.forgesAWebhook()
  await visitor.replaysTheWebhook(razorpay)

  await after(gamer, () => gamer.press('Top up'), /How much/)
  await after(gamer, () => gamer.press('₹100'), /Top up ₹100\.00/)
  const invoice = await after(
    gamer,
    () => gamer.press('Stars'),
    /^/,
    message => message.invoice !== null,
  )
  timeline.say('gamer', `Sees an invoice over ${invoice.invoice?.total_amount} Stars`)
  await after(gamer, () => gamer.payWithStars(), /paid with Stars/)
  await after(gamer, () => gamer.write('/balance'), /Your balance/)
}

export async function play({
  timeline,
  gamer,
  sre,
  pass,
}: Stage): Promise<Pick<Remembered, 'session' | 'hostBefore' | 'quiet'>> {
  timeline.chapter('The gamer picks a game, and plays')
  await after(gamer, () => gamer.write('/play'), /What would you like to play/)
  await after(gamer, () => gamer.press('Neon Rally'), /Which machine/)
  await after(gamer, () => gamer.press('Standard'), /counted by the second/)
  await after(gamer, () => gamer.press('Start'), /is ready\. Its address/)

  const session = await sre.theSession()
  const hostBefore = (await sre.field(session, '{.status.endpoint.host}')) ?? ''
  await sre.shows(['get', 'gs,gvm'])
  timeline.say('gamer', `Plays for a while on ${hostBefore}`)
  await pass(2) // Events and status of the start have arrived by now.
  const from = new Date().toISOString()
  await pass(QUIET_SECONDS)
  return { session, hostBefore, quiet: { from, to: new Date().toISOString() } }
}

export async function eviction(
  { timeline, gamer, sre, azure, pass }: Stage,
  session: string,
): Promise<{ hostAfter: string }> {
  timeline.chapter('Azure evicts the machine')
  const before = gamer.mark()
  const machine = await sre.virtualMachine()
  timeline.say('azure', 'Spot capacity is needed elsewhere: the machine is given notice, then taken back')
  await azure.post('/simulator/evict', { vm: machine })
  await gamer.reads(/taken away/, { since: before, withinSeconds: 60 })
  await gamer.reads(/You can go on/, { since: before, withinSeconds: 120 })
  await sre.shows(['get', 'gs,gvm'])
  const hostAfter = (await sre.field(session, '{.status.endpoint.host}')) ?? ''
  timeline.say('gamer', `Goes on playing on ${hostAfter}`)
  await pass(3)
  return { hostAfter }
}

export async function watch({ timeline, gamer, sre }: Stage, session: string): Promise<Pick<Remembered, 'refusals'>> {
  timeline.chapter('An SRE looks, pauses, resumes')
  await sre.shows(['get', 'gs', session, '-o', 'wide'])
  await sre.shows(['describe', 'gs', session], { lastLines: 18 })
  const refusals = [await sre.isRefused('Running for free is not to be had', badSession('free', { paidSeconds: 0 }))]
  refusals.push(await sre.isRefused('and a misspelt state neither', badSession('misspelt', { desiredState: 'Runing' })))

  const before = gamer.mark()
  await sre.shows(['patch', 'gs', session, '--type', 'merge', '-p', '{"spec":{"desiredState":"Paused"}}'])
  await sre.shows(['wait', 'gs', session, '--for=jsonpath={.status.phase}=Paused', '--timeout=120s'])
  await gamer.reads(/is paused/, { since: before })
  await sre.shows(['get', 'gs,gvm'])
  await sre.shows(['patch', 'gs', session, '--type', 'merge', '-p', '{"spec":{"desiredState":"Running"}}'])
  await sre.shows(['wait', 'gs', session, '--for=jsonpath={.status.phase}=Running', '--timeout=120s'])
  await gamer.reads(/goes on/, { since: before })
  return { refusals }
}

export async function goodbye({ timeline, gamer, sre, pass }: Stage, session: string): Promise<void> {
  timeline.chapter('The gamer stops')
  await pass(2)
  const before = gamer.mark()
  await after(gamer, () => gamer.write('/stop'), /Stop .*\?/)
  await gamer.press('Yes, stop it')
  await gamer.reads(/has ended/, { since: before, withinSeconds: 90 })
  await sre.shows(['wait', 'gs', session, '--for=jsonpath={.status.phase}=Ended', '--timeout=120s'])
  await sre.shows(['get', 'gs,gvm'])
  timeline.say('azure', await sre.azureHolds())
}

function badSession(name: string, change: object): object {
  return {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GameSession',
    metadata: { name },
    spec: { player: 'mallory', game: 'neon-rally', tier: 'standard', regions: ['centralindia'], ...change },
  }
}

/** Does something in the chat and waits for the words that answer it; older ones do not count. */
async function after(
  gamer: Gamer,
  act: () => Promise<unknown>,
  words: RegExp,
  isIt: (message: ChatMessage) => boolean = () => true,
): Promise<ChatMessage> {
  const since = gamer.mark()
  await act()
  return await gamer.reads(words, { since, isIt })
}
