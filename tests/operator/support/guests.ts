// The insides of the machines, as these tests play with them; and the agent there, which takes what Azure tells it to the
// API's own hands.
import { request } from 'undici'
import { z } from 'zod'
import { takeReport } from '../../../api/sessions/guest-report.ts'
import { type GuestReport, guestReportSchema } from '../../../crds/guest.ts'
import type { GpuVm } from '../../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../../lib/kube/client.ts'
import { startProgram } from './processes.ts'
import type { Time } from './time.ts'

export type Maintenance = NonNullable<GuestReport['maintenance']>['event']

const readiness = z.object({ listening: z.string(), metadata: z.string() })
const scheduledEvents = z.object({ Events: z.array(z.object({ EventType: z.string(), NotBefore: z.string() })) })

export async function startGuests(options: {
  azure: { listening: string; ca: string }
  speed: number
  time: Time
  args: string[]
}) {
  const { azure, speed, time, args } = options
  const program = await startProgram('demo/simulators/guest/main.ts', [
    '--port=0',
    `--azure=${azure.listening}`,
    `--azure-ca=${azure.ca}`,
    `--speed=${speed}`,
    ...args,
  ])
  const about = readiness.parse(program.ready)

  async function act(vm: string, action: string, given: object = {}): Promise<void> {
    const url = `${about.listening}/simulator/machines/${vm}/${action}`
    const { statusCode, text } = await time.during(async () => {
      const { statusCode, body } = await request(url, { method: 'POST', body: JSON.stringify(given) })
      return { statusCode, text: await body.text() }
    })
    if (statusCode >= 400) throw new Error(`${action} ${vm}: ${statusCode} ${text}`)
  }

  return {
    listening: about.listening,
    stop: program.stop,
    hang: async (vm: string) => await act(vm, 'hang'),
    resume: async (vm: string) => await act(vm, 'resume'),
    /** Azure tells the machine of it. */
    announce: async (vm: string, event: Maintenance, noticeSeconds: number) =>
      await act(vm, 'announce', { event, noticeSeconds }),
    withdraw: async (vm: string, event: Maintenance) => await act(vm, 'withdraw', { event }),
    /** The agent reads what Azure has scheduled and reports it. */
    async report(kube: KubeClient, { machine, vm }: { machine: GpuVm; vm: string }) {
      const url = `${about.metadata}/machines/${vm}/metadata/scheduledevents?api-version=2020-07-01`
      const { body } = await request(url, { headers: { metadata: 'true' } })
      const [scheduled] = scheduledEvents.parse(await body.json()).Events
      const report = guestReportSchema.parse({
        incarnation: machine.status?.incarnation?.number,
        connected: true,
        ...(scheduled && {
          maintenance: { event: scheduled.EventType, notBefore: new Date(scheduled.NotBefore).toISOString() },
        }),
      })
      const { namespace = '', name, uid = '' } = machine.metadata
      const now = time.clock.now()
      const signal = AbortSignal.timeout(5000)
      return await takeReport({ kube }, { machine: { namespace, name, uid }, report, tokenExpiresAt: now, now, signal })
    },
  }
}
