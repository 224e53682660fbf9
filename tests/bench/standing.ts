// Ten thousand sessions with their machines, standing: what a restart of the operator writes, how much memory they
// cost it, and how soon it sees them, beside the official client's informers doing the same lists.
import { askedBy, endOfLog, writesIn } from './audit.ts'
import type { Part } from './figures.ts'
import { bringToRun, copyFleet, guestsAnswer } from './fleet.ts'
import { idleness } from './idleness.ts'
import { startMeasured } from './programs.ts'
import { atSpeed, OPERATOR, pause, startWorld, until } from './world.ts'

const FLEET = Number(process.env.BENCH_FLEET ?? 10_000)
/** 150 MB. */
const MEMORY_MIB = 150e6 / 2 ** 20
/** How many times as often as in life the operator lists, sweeps and asks for quotas; it probes as in life. */
const SPEED = 4
/** Seconds to look at an operator for: two rounds of probes, and several lists of the fleet. */
const WATCHED_SECONDS = 40

export async function standing(folder: string): Promise<Part> {
  const world = await startWorld(folder)
  try {
    const empty = await world.startOperator()
    await pause(WATCHED_SECONDS / 2)
    const emptyMiB = empty.residentMiB()
    const template = await bringToRun(world)
    await empty.stop()

    await copyFleet(world, template, FLEET)
    await guestsAnswer(world)
    const offset = endOfLog(world.cluster.auditLog)
    const operator = await world.startOperator({ ...atSpeed(SPEED), PROBE_SECONDS: '15' })
    const looked = async () =>
      (await operator.metric(
        'workqueue_depth{name="gpuvm.lifecycle",controller="gpuvm.lifecycle",priority="-100"}',
      )) === 0
    await until('everything was looked at', looked)
    const idle = await idleness(world, operator, SPEED)
    const fullMiB = operator.residentMiB()
    const { readySeconds } = operator
    await operator.stop()
    const asked = await askedBy(OPERATOR, { path: world.cluster.auditLog, offset })
    const writes = writesIn(asked)
    for (const { verb, resource, name } of writes.slice(0, 5)) console.error(`  written: ${verb} ${resource} ${name}`)

    const informer = startMeasured('tests/bench/informers.ts', {
      KUBECONFIG: world.cluster.kubeconfig,
      COUNT: String(FLEET),
    })
    const official = JSON.parse(await informer.line())
    await informer.stop()
    return {
      title: `${FLEET.toLocaleString('en')} GameSessions with their GpuVms, standing; the operator is restarted`,
      figures: [
        { what: 'Kubernetes writes of the restarted operator', value: writes.length, target: { atMost: 0 } },
        ...idle,
        { what: 'lists of both kinds, in pages of 500', value: asked.filter(({ verb }) => verb === 'list').length },
        { what: 'resident memory without any', value: emptyMiB, unit: 'MiB' },
        { what: 'resident memory with all of them', value: fullMiB, unit: 'MiB' },
        { what: 'difference', value: fullMiB - emptyMiB, unit: 'MiB', target: { atMost: MEMORY_MIB } },
        { what: 'from start to synced: the operator, all of it', value: readySeconds, unit: 's' },
        {
          what: 'from start to synced: two informers of the official client',
          value: Number(official.seconds),
          unit: 's',
        },
        { what: 'resident memory of those two informers alone', value: Number(official.residentMiB), unit: 'MiB' },
      ],
    }
  } finally {
    await world.stop()
  }
}
