// One evening, scene by scene. Each waits for what a person would wait for: words in the chat, a phase in kubectl.
import type { Timeline } from '../timeline.ts'
import type { Control } from './control.ts'
import type { Gamer } from './gamer.ts'
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
  await gamer.write('/start')
  await gamer.reads(/Your balance/, { since: 0 })

  await gamer.press('Top up')
  await gamer.reads(/How much/, { since: 0 })
  await gamer.press('₹500')
  const offer = await gamer.reads(/₹500\.00/, { since: 0 })
  const page = offer.buttons.flat().find(button => button.url)?.url
  if (page === undefined) throw new Error('The bot offers no link to pay on the web.')
  const before = gamer.mark()
  await visitor.paysOnTheWeb(page)
  await gamer.reads(/is in your wallet/, { since: before })

  timeline.say(
    'mallory',
    "An attacker sends a captured payment that Razorpay did not sign, then Razorpay's own webhook once more",
  )
  await visitor.forgesAWebhook()
  await visitor.replaysTheWebhook(razorpay)

  await gamer.press('Top up')
  await gamer.press('₹100')
  await gamer.reads(/Top up ₹100\.00/, { since: 0 })
  await gamer.press('Stars')
  const invoice = gamer
    .messages()
    .filter(message => message.invoice)
    .at(-1)
  timeline.say('gamer', `An invoice over ${invoice?.invoice?.total_amount ?? '?'} Stars is shown`)
  const unpaid = gamer.mark()
  await gamer.payWithStars()
  await gamer.reads(/paid with Stars/, { since: unpaid })
  await gamer.write('/balance')
  await gamer.reads(/Your balance/, { since: unpaid })
}

export async function play({
  timeline,
  gamer,
  sre,
  pass,
}: Stage): Promise<Pick<Remembered, 'session' | 'hostBefore' | 'quiet'>> {
  timeline.chapter('The gamer picks a game, and plays')
  await gamer.write('/play')
  await gamer.reads(/What would you like to play/, { since: 0 })
  await gamer.press('Neon Rally')
  await gamer.reads(/Which machine/, { since: 0 })
  await gamer.press('Standard')
  await gamer.reads(/counted by the second/, { since: 0 })
  const before = gamer.mark()
  await gamer.press('Start')
  await gamer.reads(/is ready/, { since: before, withinSeconds: 90 })

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
  await gamer.write('/stop')
  await gamer.reads(/Stop .*\?/, { since: before })
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
