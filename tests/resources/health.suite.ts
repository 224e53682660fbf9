// Every version that the operator wrote, judged by kstatus, by Argo CD's script and by Flux's expressions: what a pipeline
// waits for, and what it gives up on.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { customizations, judged, type Verdict } from './health.ts'
import type { Theatre } from './theatre.ts'

/** Where the judges must agree: by what an object's phase, its spec and its deletion say of it. */
const verdicts = {
  Current: { kstatus: 'Current', argo: 'Healthy', flux: 'Current' },
  Resting: { kstatus: 'Current', argo: 'Suspended', flux: 'Current' },
  InProgress: { kstatus: 'InProgress', argo: 'Progressing', flux: 'InProgress' },
  Failed: { kstatus: 'Failed', argo: 'Degraded', flux: 'Failed' },
  Terminating: { kstatus: 'Terminating', argo: 'Progressing', flux: 'InProgress' },
} as const

function expectedOf(object: GameSession | GpuVm): keyof typeof verdicts {
  const { metadata, status } = object
  if (metadata.deletionTimestamp !== undefined) return 'Terminating'
  if (status?.observedGeneration !== metadata.generation) return 'InProgress'
  return object.kind === 'GameSession' ? ofSession(object) : ofMachine(object)
}

function ofSession({ spec, status }: GameSession): keyof typeof verdicts {
  switch (status?.phase) {
    case 'Running':
      return spec.desiredState === 'Running' ? 'Current' : 'InProgress'
    case 'Ended':
      return 'Current'
    case 'Paused':
      return 'Resting'
    case 'Failed':
      return 'Failed'
    default:
      return 'InProgress'
  }
}

function ofMachine({ spec, status }: GpuVm): keyof typeof verdicts {
  switch (status?.phase) {
    case 'Running':
      return spec.powerState === 'Running' ? 'Current' : 'InProgress'
    case 'Deallocated':
      return spec.powerState === 'Deallocated' ? 'Resting' : 'InProgress'
    case 'Failed':
      return 'Failed'
    default:
      return 'InProgress'
  }
}

const healthTests = z.object({
  tests: z.array(
    z.object({ inputPath: z.string(), healthStatus: z.object({ status: z.string(), message: z.string() }) }),
  ),
})
/** The judge is built of its Go modules, once: a minute where their cache is cold. */
const BUILD_MILLISECONDS = 300_000

export function healthIsJudged(theatre: () => Theatre): void {
  beforeAll(async () => void (await judged([])), BUILD_MILLISECONDS)

  test('kstatus, Argo CD and Flux judge every version of every phase alike', async () => {
    const { sessions, machines } = theatre().recording
    const objects = [...sessions, ...machines]
    const said = await judged(objects)
    const told = (object: GameSession | GpuVm, verdict: Verdict | undefined) => ({
      of: `${object.kind} ${object.metadata.name} ${object.status?.phase} (${object.metadata.resourceVersion})`,
      kstatus: verdict?.kstatus,
      argo: verdict?.argo.status,
      flux: verdict?.flux,
    })
    const wrong = objects.flatMap((object, index) => {
      const seen = told(object, said[index])
      const expected = { of: seen.of, ...verdicts[expectedOf(object)] }
      return JSON.stringify(seen) === JSON.stringify(expected) ? [] : [{ seen, expected }]
    })
    expect(wrong).toEqual([])
    expect(new Set(objects.map(expectedOf))).toEqual(new Set(Object.keys(verdicts)))
  })

  describe.each(['GameSession', 'GpuVm'])("Argo CD's script for a %s", kind => {
    test('says of each object beside it, in the layout that Argo CD itself tests, what it should', async () => {
      const folder = join(customizations, kind)
      const { tests } = healthTests.parse(parse(readFileSync(join(folder, 'health_test.yaml'), 'utf8')))
      expect(tests.length).toBeGreaterThanOrEqual(5)
      const said = await judged(tests.map(({ inputPath }) => parse(readFileSync(join(folder, inputPath), 'utf8'))))
      expect(said.map(({ argo }) => argo)).toEqual(tests.map(({ healthStatus }) => healthStatus))
    })
  })

  test("the scripts get into argocd-cm by manifests/argocd/README.md's command, and what else is in there stays", async () => {
    const { stage } = theatre()
    const readme = readFileSync(join(customizations, '../../README.md'), 'utf8')
    const command =
      /^ {4}(kubectl create configmap argocd-cm[\s\S]*?)\n\n/m.exec(readme)?.[1]?.replaceAll('\\\n', ' ') ?? ''
    const [create = '', apply = ''] = command.split('|').map(part => part.trim().replace(/^kubectl /, ''))
    const words = (text: string) => text.split(/\s+/)
    await stage.kubectl(['create', 'namespace', 'argocd'])
    await stage.kubectl([
      '-n',
      'argocd',
      'create',
      'configmap',
      'argocd-cm',
      '--from-literal=url=https://argocd.example.com',
    ])

    const made = await stage.kubectl(words(create))
    await stage.kubectl(words(apply), parse(made))
    const { data } = JSON.parse(await stage.kubectl(['-n', 'argocd', 'get', 'configmap', 'argocd-cm', '-o', 'json']))
    expect(data).toEqual({
      url: 'https://argocd.example.com',
      'resource.customizations.health.wasd.cloud_GameSession': readFileSync(
        join(customizations, 'GameSession/health.lua'),
        'utf8',
      ),
      'resource.customizations.health.wasd.cloud_GpuVm': readFileSync(join(customizations, 'GpuVm/health.lua'), 'utf8'),
    })
  })
}
