// What a fleet that only stands asks of Azure, and of the operator's processor: from the end of one sweep to the end of
// the next, so that what comes seldom counts as often as it comes.
import { z } from 'zod'
import type { Figure } from './figures.ts'
import { type OperatorProcess, pause, progress, type World } from './world.ts'

/** Reads of Azure a minute: half of its List budget. */
const READS_PER_MINUTE = 150
const LOOK_SECONDS = 0.5
/** A sweep is over when so many looks in a row have shown no more of its last list. */
const QUIET_LOOKS = 6

/** `speed`: how many times as often as in life the operator lists, sweeps and asks for quotas. */
export async function idleness(world: World, operator: OperatorProcess, speed: number): Promise<Figure[]> {
  progress('until the first sweep is over')
  await sweepEnds(world)
  const [before, processor, began] = [await asked(world), operator.processorSeconds(), performance.now()]
  progress('until the next sweep is over')
  await sweepEnds(world)
  const after = await asked(world)
  const tookSeconds = (performance.now() - began) / 1000
  const share = (operator.processorSeconds() - processor) / tookSeconds

  const perMinute = (is: (kind: string) => boolean) => {
    const sum = [...after].reduce((all, [kind, count]) => all + (is(kind) ? count - (before.get(kind) ?? 0) : 0), 0)
    return sum / ((tookSeconds * speed) / 60)
  }
  const isRead = (kind: string) => kind.startsWith('GET ') || kind.startsWith('LIST ')
  const isList = (kind: string) => kind.startsWith('LIST ')
  const isOfRegion = (kind: string) => /Usages$/.test(kind)
  return [
    { what: 'reads of Azure a minute', value: perMinute(isRead), target: { atMost: READS_PER_MINUTE } },
    {
      what: '  of them pages of machines, which the List budget counts',
      value: perMinute(kind => kind === 'LIST virtualMachines'),
    },
    {
      what: "  of them the sweep's other pages",
      value: perMinute(kind => isList(kind) && kind !== 'LIST virtualMachines' && !isOfRegion(kind)),
    },
    { what: '  of them quotas, by region', value: perMinute(isOfRegion) },
    {
      what: '  of them reads of one machine or resource',
      value: perMinute(kind => isRead(kind) && !isList(kind) && !isOfRegion(kind)),
      target: { atMost: 0 },
    },
    {
      what: 'changes asked of Azure a minute',
      value: perMinute(kind => !isRead(kind) && !/resourceGraph$/.test(kind)),
      target: { atMost: 0 },
    },
    {
      what: `operator's processor, of one core, probing as in life and listing ${speed} times as often`,
      value: share * 100,
      unit: '%',
    },
  ]
}

const logShape = z.object({ counts: z.record(z.string(), z.number()) })

async function asked({ azure }: World): Promise<Map<string, number>> {
  const { counts } = logShape.parse(await azure.control('GET', `log?since=${Number.MAX_SAFE_INTEGER}`))
  return new Map(Object.entries(counts))
}

async function sweepEnds(world: World): Promise<void> {
  const disks = async () => (await asked(world)).get('LIST disks') ?? 0
  const before = await disks()
  let [last, quiet] = [before, 0]
  while (last === before || quiet < QUIET_LOOKS) {
    await pause(LOOK_SECONDS)
    const now = await disks()
    quiet = now === last ? quiet + 1 : 0
    last = now
  }
}
