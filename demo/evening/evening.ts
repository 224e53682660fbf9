// Brings the stack up, plays the evening on it, and takes it down whatever happens. While it stands, the account reads it.
import { join } from 'node:path'
import postgres from 'postgres'
import { connect } from '../../lib/kube/client.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Notes } from '../account/invariants.ts'
import type { Stores } from '../account/stores.ts'
import { type Stack, startStack } from '../stack/stack.ts'
import type { Timeline } from '../timeline.ts'
import { type Control, control } from './control.ts'
import { followAzure, followEvents } from './followers.ts'
import { gamer } from './gamer.ts'
import { eviction, goodbye, play, type Stage, topUp, watch } from './scenes.ts'
import { sre } from './sre.ts'
import { visitor } from './visitor.ts'

/** The operator runs as one leader and one standby, as the chart has it. */
const OPERATORS = 2

export interface EveningOptions {
  timeline: Timeline
  clock: Clock
  /** How many times as fast as the real one Azure runs. */
  speed: number
  stop: AbortSignal
}

/** Plays the evening and then calls `account` on the live stores; gives what it gives. Leaves nothing running. */
export async function playEvening<Result>(
  options: EveningOptions,
  account: (stores: Stores, notes: Notes) => Promise<Result>,
): Promise<Result> {
  const { timeline, clock, speed, stop } = options
  timeline.chapter('The stack comes up')
  const progress = (line: string) => timeline.say('stack', line)
  const starting = startStack({ speed, replicas: { operator: OPERATORS }, progress, clock, stop })
  const stack = await timeline.waiting('the stack', starting)
  const over = new AbortController()
  const ends = AbortSignal.any([stop, over.signal])
  const azure = control(stack.urls.azure, stack.simulators.azure.greeting.ca)
  const telegram = control(stack.urls.telegram)
  const razorpay = control(stack.urls.razorpay)
  let hasFailed = false

  try {
    const evening = scenes({ stack, azure, telegram, razorpay, timeline, clock, stop: ends })
    const notes = await Promise.race([evening, aborted(stop)])
    over.abort()
    return await withStores({ stack, azure, telegram, razorpay }, async stores => await account(stores, notes))
  } catch (error) {
    hasFailed = !stop.aborted
    if (hasFailed) timeline.say('stack', `It went wrong; every log is under ${stack.folder}`)
    throw error
  } finally {
    over.abort()
    await Promise.all([azure, telegram, razorpay].map(each => each.close()))
    await (hasFailed ? stack.stop() : stack.remove())
  }
}

interface Parts {
  stack: Stack
  azure: Control
  telegram: Control
  razorpay: Control
}

async function scenes(parts: Parts & { timeline: Timeline; clock: Clock; stop: AbortSignal }): Promise<Notes> {
  const { stack, azure, telegram, razorpay, timeline, clock, stop } = parts
  const credentials = await loadCredentials({ kubeconfig: stack.cluster.kubeconfig, environment: {} })
  const kube = connect(credentials, { userAgent: 'demo' })
  const followers = [followAzure({ azure, timeline, clock, stop }), followEvents({ kube, timeline, clock, stop })]
  const failed = new Promise<never>((_, reject) => {
    for (const follower of followers) follower.catch(reject)
  })

  const stage: Stage = {
    timeline,
    azure,
    razorpay,
    gamer: await gamer({ telegram, timeline, firstName: 'Asha', stop }),
    sre: sre({ kubectl: stack.kubectl, azure, timeline, namespace: stack.namespace }),
    visitor: visitor({ apiUrl: stack.urls.api, timeline }),
    pass: async seconds => await clock.sleep(seconds * 1000, stop),
  }
  const story = async (): Promise<Notes> => {
    await topUp(stage)
    const { session, quiet } = await play(stage)
    await eviction(stage, session)
    const { refusals } = await watch(stage, session)
    await goodbye(stage, session)
    return { quiet, refusals }
  }
  try {
    return await Promise.race([story(), failed])
  } finally {
    await kube.close()
  }
}

/** The live stores, as anybody could read them. */
export async function withStores<Result>(parts: Parts, read: (stores: Stores) => Promise<Result>): Promise<Result> {
  const { stack, azure, telegram, razorpay } = parts
  const sql = postgres(stack.postgres.superuserUrl('wasd_api'), { max: 2, onnotice: () => undefined })
  try {
    return await read({
      sql: async text => [...(await sql.unsafe(text))],
      kubectl: stack.kubectl,
      azure: async path => await azure.get(path),
      razorpay: async path => await razorpay.get(path),
      telegram: async path => await telegram.get(path),
      auditLog: join(stack.cluster.auditLog),
      users: [stack.users.operator, stack.users.api],
      graceSeconds: 120,
    })
  } finally {
    await sql.end()
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
