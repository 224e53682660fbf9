// The control API: what runs, and what a test does to it. Shapes are in README.md.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Hono } from 'hono'
import { z } from 'zod'
import { answerControlErrors, body, ControlError, parse } from '../control-api.ts'
import { MAINTENANCE, type Machines, type Run } from './machines.ts'

const timeBody = z.strictObject({ time: z.iso.datetime(), feed: z.int().min(0).default(0) })
const playBody = z.strictObject({ playing: z.boolean() })
const withdrawBody = z.strictObject({ event: z.enum(MAINTENANCE) })
const announceBody = withdrawBody.extend({ noticeSeconds: z.number().min(0).max(86_400).optional() })

/** The least that Azure gives: https://learn.microsoft.com/azure/virtual-machines/windows/scheduled-events#event-scheduling */
const NOTICE_SECONDS = { Freeze: 900, Reboot: 900, Redeploy: 600 }

export interface Outside {
  azure: () => 'connected' | 'away'
  /** Once Azure's feed is read up to this event it is so late. Absent where time runs by itself. */
  moveTo?: ((time: Date, feed: number) => Promise<void>) | undefined
}

export function controlApi(machines: Machines, { azure, moveTo }: Outside): Hono {
  const app = new Hono()

  app.get('/machines', context => context.json({ azure: azure(), machines: machines.all().map(machineBody) }))
  app.post('/time', async context => {
    const { time, feed } = parse(timeBody, await body(context.req.raw))
    if (moveTo === undefined)
      throw new ControlError(409, 'time runs by itself; start the simulator with --clock manual to move it')
    await moveTo(new Date(time), feed)
    await nextTurn() // Whoever woke up goes on, and a port that is due is opened.
    return context.json({})
  })
  app.post('/machines/:vm/hang', context => {
    const run = runOf(machines, context.req.param('vm'))
    run.hanging = true
    return context.json(machineBody(run))
  })
  app.post('/machines/:vm/resume', context => {
    const run = runOf(machines, context.req.param('vm'))
    run.hanging = false
    return context.json(machineBody(run))
  })
  app.post('/machines/:vm/play', async context => {
    const run = runOf(machines, context.req.param('vm'))
    run.playing = parse(playBody, await body(context.req.raw)).playing
    return context.json(machineBody(run))
  })
  app.post('/machines/:vm/announce', async context => {
    const run = runOf(machines, context.req.param('vm'))
    const { event, noticeSeconds } = parse(announceBody, await body(context.req.raw))
    machines.announce(run, { type: event, noticeSeconds: noticeSeconds ?? NOTICE_SECONDS[event] })
    return context.json(machineBody(run))
  })
  app.post('/machines/:vm/withdraw', async context => {
    const run = runOf(machines, context.req.param('vm'))
    machines.withdraw(run, parse(withdrawBody, await body(context.req.raw)).event)
    return context.json(machineBody(run))
  })

  answerControlErrors(app)
  return app
}

function runOf(machines: Machines, vm: string): Run {
  const run = machines.find(vm)
  if (run) return run
  const running = machines.all().map(({ event }) => event.vmName)
  throw new ControlError(
    404,
    `no machine ${vm} runs; ${running.length === 0 ? 'none does' : `there are ${running.join(', ')}`}`,
  )
}

function stateOf(run: Run): 'failed' | 'booting' | 'hanging' | 'answering' {
  if (run.error !== undefined) return 'failed'
  if (run.bootedAt === undefined) return 'booting'
  return run.hanging ? 'hanging' : 'answering'
}

function machineBody(run: Run): Record<string, unknown> {
  const { event, scheduled, error } = run
  return {
    vm: event.vmName,
    resourceGroup: event.resourceGroup,
    vmId: event.vmId,
    publicIP: event.publicIP ?? null,
    osDiskId: event.osDiskId ?? null,
    uniqueid: run.uniqueid,
    state: stateOf(run),
    playing: run.playing,
    preemptAt: scheduled.find(({ type }) => type === 'Preempt')?.notBefore ?? null,
    since: event.time,
    bootedAt: run.bootedAt ?? null,
    ...(error !== undefined && { error }),
  }
}
