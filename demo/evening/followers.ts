// Follows what really happens, so that the timeline is a report and not a script: every change that was asked of
// Azure, and every event that our programs tell people.
import type { KubeClient } from '../../lib/kube/client.ts'
import { events } from '../../lib/kube/core.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Timeline } from '../timeline.ts'
import type { Control } from './control.ts'

/** Milliseconds between two looks. */
const LOOK_MILLISECONDS = 300

interface ArmCall {
  seq: number
  method: string
  kind: string
  path: string
  status: number
  code?: string
}

/** What ARM calls mean to a person; everything else that writes is told by its name. */
const armWords: [RegExp, string][] = [
  [/^PUT publicIPAddresses/, 'a public address is asked for'],
  [/^PUT networkInterfaces/, 'a network interface is asked for'],
  [/^PUT virtualMachines/, 'a virtual machine is asked for'],
  [/^POST virtualMachines\/deallocate/, 'the machine is to be deallocated'],
  [/^POST virtualMachines\/start/, 'the machine is to be started'],
  [/^DELETE virtualMachines/, 'the machine is to be deleted, and only it'],
  [/^DELETE networkInterfaces/, 'the network interface is given back'],
  [/^DELETE publicIPAddresses/, 'the public address is given back'],
  [/^DELETE disks/, 'the disk is given back'],
]

/** It is posted, and changes nothing. */
const QUERY = 'POST resourceGraph'

export async function followAzure(options: {
  azure: Control
  timeline: Timeline
  clock: Clock
  stop: AbortSignal
}): Promise<void> {
  const { azure, timeline, clock, stop } = options
  let since = 0
  while (!stop.aborted) {
    const { entries, next } = await azure.get<{ entries: ArmCall[]; next: number }>(`/simulator/log?since=${since}`)
    since = next
    for (const { method, kind, path, status, code } of entries) {
      if (method === 'GET' || kind === QUERY) continue
      const words = armWords.find(([pattern]) => pattern.test(kind))?.[1] ?? kind
      const refused = status >= 400 ? `, and refused: ${code ?? status}` : ''
      timeline.say('azure', `${words}${refused} (${shortName(path)})`)
    }
    await clock.sleep(LOOK_MILLISECONDS, stop).catch(() => undefined)
  }
}

/** Names end in what they are; the UID before it says nothing to a reader. An action is told of what it is done to. */
function shortName(path: string): string {
  const resource = path.replace(/\?.*$/, '').replace(/\/(deallocate|start)$/, '')
  return resource.slice(resource.lastIndexOf('/') + 1).replace(/^gvm-([0-9a-f]{4})[0-9a-f-]{32}-/, 'gvm-$1…-')
}

export async function followEvents(options: {
  kube: KubeClient
  timeline: Timeline
  clock: Clock
  stop: AbortSignal
}): Promise<void> {
  const { kube, timeline, clock, stop } = options
  const told = new Set<string>()
  while (!stop.aborted) {
    const { items } = await kube.list(events, { signal: stop }).catch(error => {
      if (stop.aborted) return { items: [] }
      throw error
    })
    for (const event of items) {
      const { uid = '' } = event.metadata
      if (told.has(uid) || !event.reportingController?.startsWith('wasd.cloud/')) continue
      told.add(uid)
      timeline.say('operator', `${event.regarding?.kind} ${event.reason}: ${event.note}`)
    }
    await clock.sleep(LOOK_MILLISECONDS, stop).catch(() => undefined)
  }
}
