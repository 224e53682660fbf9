// A file's one Azure, for tests that need no cluster.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { parseCatalogue } from '../../../crds/catalogue.ts'
import { type AzureWorld, startAzure } from './azure.ts'
import { SPEED } from './world.ts'

const catalogueFile = resolve(import.meta.dirname, '../../../manifests/catalogue.yaml')

/** Of the sample catalogue's regions. Started before the file's tests and stopped after them; until then it throws. */
export function sharedAzure(args: string[] = []): () => AzureWorld {
  let running: AzureWorld | undefined
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'azure-'))
    const catalogue = parseCatalogue(await readFile(catalogueFile, 'utf8'))
    running = await startAzure({ catalogue, folder, speed: SPEED, args })
  })
  afterAll(async () => {
    await running?.stop()
    await rm(folder, { recursive: true, force: true })
  })
  return () => {
    if (running === undefined) throw new Error('Azure has not started.')
    return running
  }
}
