// The chart, rendered by helm and applied by kubectl, as a pipeline does it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { type CommandResult, command, succeed } from './commands.ts'

/** An object as the chart renders it. What is in it is parsed where it is used. */
export interface RenderedObject {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
}

export interface Rendering {
  helm: string
  chart: string
  release: string
  namespace: string
  values: object
  /** For the values' file and helm's own files. */
  folder: string
}

/** What helm says of a rendering, good or refused. */
export async function template(rendering: Rendering): Promise<CommandResult> {
  const { helm, chart, release, namespace, values, folder } = rendering
  mkdirSync(folder, { recursive: true })
  const valuesFile = join(folder, `${release}.values.json`)
  writeFileSync(valuesFile, JSON.stringify(values, undefined, 2), { mode: 0o600 }) // There are passwords in it.
  const home = (name: string) => join(folder, 'helm', name) // A person's own repositories and plugins stay out of it.
  return await command({
    file: helm,
    args: ['template', release, chart, '--namespace', namespace, '--values', valuesFile, '--no-hooks'],
    environment: {
      PATH: process.env.PATH,
      HOME: folder,
      HELM_CACHE_HOME: home('cache'),
      HELM_CONFIG_HOME: home('config'),
      HELM_DATA_HOME: home('data'),
    },
  })
}

/** The objects that the chart renders. Throws with helm's words when it refuses the values. */
export async function render(rendering: Rendering): Promise<RenderedObject[]> {
  const text = await succeed(template(rendering), `helm template ${rendering.chart}`)
  return parseAllDocuments(text).flatMap(document => {
    if (document.errors[0]) throw document.errors[0]
    const object: RenderedObject | null = document.toJS()
    return object === null ? [] : [object]
  })
}

/**
 * Applies server-side: CRDs first, since the rest may hold objects of theirs. Resolves when the CRDs are served, with the
 * warnings that there were. Throws with kubectl's words.
 */
export async function apply(options: {
  objects: RenderedObject[]
  namespace: string
  kubectl: (args: string[], input?: string) => Promise<CommandResult>
  /** Further arguments, such as --dry-run=server. */
  more?: string[]
}): Promise<string> {
  const { objects, namespace, kubectl, more = [] } = options
  let warnings = ''
  const send = async (some: RenderedObject[], where: string[]) => {
    if (some.length === 0) return
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: some })
    const args = ['apply', '--server-side', '--field-manager=helm', '--force-conflicts', ...where, ...more]
    const result = await kubectl([...args, '--filename', '-'], list)
    await succeed(Promise.resolve(result), 'kubectl apply')
    warnings += result.stderr
  }

  const crds = objects.filter(isCrd)
  await send(crds, [])
  if (crds.length > 0 && more.length === 0) {
    const names = crds.map(({ metadata }) => `crd/${metadata.name}`)
    await succeed(kubectl(['wait', '--for=condition=Established', '--timeout=60s', ...names]), 'kubectl wait')
  }
  const others = objects.filter(object => !isCrd(object))
  const hasPlace = ({ metadata }: RenderedObject) => metadata.namespace !== undefined
  // kubectl refuses an object of another namespace than the one it is told.
  await send(others.filter(hasPlace), [])
  await send(
    others.filter(object => !hasPlace(object)),
    ['--namespace', namespace],
  )
  return warnings
}

function isCrd({ kind }: RenderedObject): boolean {
  return kind === 'CustomResourceDefinition'
}
