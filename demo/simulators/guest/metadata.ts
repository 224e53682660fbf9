// The instance metadata service, as its own machine would see it at 169.254.169.254. Which machine asks is told by the
// path's prefix or a header, since all of them share this one address.
// learn.microsoft.com/azure/virtual-machines/linux/scheduled-events, …/instance-metadata-service
import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { Machines, Run, ScheduledEvent } from './machines.ts'

type Environment = { Bindings: HttpBindings; Variables: { run: Run } }

const startRequests = z.object({ StartRequests: z.array(z.object({ EventId: z.string() })) })

export function metadataService(machines: Machines): Hono<Environment> {
  const service = new Hono<Environment>()
  service.use(async (context, next) => {
    const vm = context.req.param('vm') ?? context.req.header('x-machine')
    if (vm === undefined) {
      return context.json({ error: 'Name the machine: /machines/{vm}/metadata/… or the header X-Machine' }, 404)
    }
    const run = machines.find(vm)
    if (run === undefined) {
      context.env.outgoing.destroy()
      return context.body(null)
    }
    if (context.req.header('metadata')?.toLowerCase() !== 'true') {
      return context.json({ error: 'Bad request. Required metadata header not specified' }, 400)
    }
    if (context.req.query('api-version') === undefined) {
      const error = 'Bad request. api-version was not specified in the request'
      return context.json({ error, 'newest-versions': ['2021-12-13', '2021-02-01', '2020-07-01'] }, 400)
    }
    context.set('run', run)
    return await next()
  })

  service.get('/scheduledevents', context => context.json(scheduledEvents(context.get('run'))))
  service.post('/scheduledevents', async context => {
    const parsed = startRequests.safeParse(await context.req.json().catch(() => undefined))
    if (!parsed.success) return context.json({ error: 'Bad request. StartRequests is missing' }, 400)
    const run = context.get('run')
    const wanted = new Set(parsed.data.StartRequests.map(({ EventId }) => EventId))
    const approved = run.scheduled.filter(({ eventId }) => wanted.has(eventId))
    if (approved.length < Math.max(1, wanted.size)) {
      return context.json({ error: 'Bad request. Unknown EventId' }, 400)
    }
    if (approved.some(({ started }) => !started)) run.documentIncarnation += 1
    for (const event of approved) event.started = true
    return context.body(null, 200)
  })
  service.get('/instance', context => instance(context, ''))
  service.get('/instance/:path{.+}', context => instance(context, context.req.param('path')))

  const app = new Hono<Environment>()
  app.route('/machines/:vm/metadata', service)
  app.route('/metadata', service)
  app.notFound(context => context.json({ error: 'Not found' }, 404))
  return app
}

function scheduledEvents({ event, scheduled, documentIncarnation }: Run): Record<string, unknown> {
  const told = ({ eventId, type, notBefore, started }: ScheduledEvent) => ({
    EventId: eventId,
    EventStatus: started ? 'Started' : 'Scheduled',
    EventType: type,
    ResourceType: 'VirtualMachine',
    Resources: [event.vmName],
    NotBefore: started ? '' : new Date(notBefore).toUTCString(),
    Description:
      type === 'Preempt' ? 'Spot Virtual Machine is being evicted.' : 'Host server is undergoing maintenance.',
    EventSource: 'Platform',
    DurationInSeconds: -1,
  })
  return { DocumentIncarnation: documentIncarnation, Events: scheduled.map(told) }
}

/** The whole document, or the part that the path leads to; `format=text` for a leaf alone. */
function instance(context: Context<Environment>, path: string): Response {
  const document = instanceDocument(context.get('run'))
  let part: unknown = document
  for (const step of path.split('/').filter(word => word !== '')) {
    part =
      typeof part === 'object' && part !== null ? Object.entries(part).find(([name]) => name === step)?.[1] : undefined
  }
  if (part === undefined) return context.json({ error: 'Not found' }, 404)
  const asText = context.req.query('format') === 'text'
  return asText && typeof part === 'string' ? context.text(part) : Response.json(part)
}

function instanceDocument({ event }: Run): Record<string, unknown> {
  const tagsList = Object.entries(event.tags).map(([name, value]) => ({ name, value }))
  const addresses = { privateIpAddress: event.privateIP ?? '', publicIpAddress: event.publicIP ?? '' }
  return {
    compute: {
      azEnvironment: 'AzurePublicCloud',
      customData: '',
      location: event.region ?? '',
      name: event.vmName,
      osProfile: { computerName: event.computerName ?? event.vmName },
      provider: 'Microsoft.Compute',
      resourceGroupName: event.resourceGroup,
      storageProfile: { osDisk: { managedDisk: { id: event.osDiskId ?? '' } } },
      tags: tagsList.map(({ name, value }) => `${name}:${value}`).join(';'),
      tagsList,
      userData: event.userData ?? '',
      vmId: event.vmId,
    },
    network: { interface: [{ ipv4: { ipAddress: [addresses] }, ipv6: { ipAddress: [] } }] },
  }
}
