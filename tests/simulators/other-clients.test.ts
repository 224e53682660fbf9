// The simulator against clients that were never written for it: Azure's own SDKs for Python and Go each bring a machine
// through its whole life. What they see has to be the same.
import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { azureForGo, azureForPython } from '../installed.ts'
import { group, image, region, startAzure } from './azure-simulator.ts'

const run = promisify(execFile)
const clients = resolve(import.meta.dirname, 'clients')
/** Downloads, and for Go a build: half a minute where the module cache is cold. */
const INSTALL_MILLISECONDS = 300_000

/** What every client sees, in whatever language. */
const life = {
  created: ['Succeeded', 'Spot', 'PowerState/running'],
  conversion: [409, 'PropertyChangeNotAllowed'],
  evicted: 'PowerState/deallocated',
  disk: 'Unattached',
  rescued: ['Regular', 'PowerState/running'],
  kept: [true, true],
  resized: ['Standard_NV12ads_A10_v5', 'PowerState/running'],
  cores: 12,
  unknownSize: [400, 'InvalidParameter'],
  gone: [404, 'ResourceNotFound'],
}

test.concurrent(
  'azure-mgmt-compute from PyPI completes a life: spot, evicted, on-demand on its disk, resized, gone',
  async () => {
    const packages = await azureForPython()
    const seen = await seenBy('python3', [join(clients, 'python/life.py')], { PYTHONPATH: packages })
    expect(seen).toEqual({ ...life, listed: ['python-vm'] })
  },
  INSTALL_MILLISECONDS,
)

test.concurrent(
  'armcompute for Go completes the same life',
  async () => {
    const program = await azureForGo()
    expect(await seenBy(program, [])).toEqual({ ...life, listed: ['go-vm'] })
  },
  INSTALL_MILLISECONDS,
)

async function seenBy(file: string, args: string[], more: Record<string, string> = {}): Promise<unknown> {
  const azure = await startAzure('--speed=200') // An empty one for each: they see all that stands there.
  const { about, tokenFilePath } = azure
  const env = {
    ...process.env,
    AZURE_ENDPOINT: about.listening,
    AZURE_CA: about.ca,
    AZURE_TENANT_ID: about.tenant,
    AZURE_CLIENT_ID: about.clients[0],
    AZURE_FEDERATED_TOKEN_FILE: tokenFilePath,
    AZURE_SUBSCRIPTION_ID: about.subscription,
    AZURE_RESOURCE_GROUP: group,
    AZURE_REGION: region,
    AZURE_IMAGE: image,
    ...more,
  }
  try {
    const { stdout } = await run(file, args, { env, timeout: 60_000 })
    return JSON.parse(stdout)
  } finally {
    await azure.stop()
  }
}
