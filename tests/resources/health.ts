// Runs the judge in Go over objects: kstatus, Argo CD's health script and Flux's expressions, as manifests/ ships them.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { parse } from 'yaml'
import { z } from 'zod'
import { healthJudge } from '../installed.ts'

const root = resolve(import.meta.dirname, '../..')
export const customizations = join(root, 'manifests/argocd/resource_customizations/wasd.cloud')
const kinds = ['GameSession', 'GpuVm'] as const

const verdict = z.object({
  kstatus: z.string(),
  argo: z.object({ status: z.string(), message: z.string() }),
  flux: z.string(),
})
export type Verdict = z.infer<typeof verdict>

const kustomization = z.looseObject({
  spec: z.looseObject({ healthCheckExprs: z.array(z.looseObject({ kind: z.enum(kinds), current: z.string() })) }),
})

/** One for each object, in order. Throws with the judge's words when a script or an expression fails. */
export async function judged(objects: object[]): Promise<Verdict[]> {
  const program = await healthJudge()
  const scripts = kinds.map(kind => [kind, readFileSync(join(customizations, kind, 'health.lua'), 'utf8')])
  const { spec } = kustomization.parse(parse(readFileSync(join(root, 'manifests/flux/sessions.yaml'), 'utf8')))
  const expressions = spec.healthCheckExprs.map(each => [each.kind, each])
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>(done => child.once('close', done))
  child.stdin.end(
    JSON.stringify({ objects, scripts: Object.fromEntries(scripts), expressions: Object.fromEntries(expressions) }),
  )
  const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr)])
  if ((await ended) !== 0) throw new Error(`The judge of health failed: ${complaint}`)
  return said
    .split('\n')
    .filter(line => line !== '')
    .map(line => verdict.parse(JSON.parse(line)))
}
