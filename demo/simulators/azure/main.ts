// The Azure simulator: Entra ID, Azure Resource Manager and the Retail Prices API at the wire, for the real SDKs.
// README.md has the options and the control API.
//
// Not modelled: role assignments and policies (a token may do everything); what a security group lets through; deleting
// resource groups; extensions, images and galleries as resources (images are named by an option); availability sets,
// scale sets, dedicated hosts, capacity reservations; ephemeral, shared and encrypted disks, uploads; network interfaces
// made inline by a VM's PUT; load balancers, IPv6, Basic and dynamic addresses; hibernation, reimage, generalize; the
// acknowledgement of scheduled events (the notice runs its time); Resource Graph beyond SpotResources and the notes on
// machines in HealthResources; Resource Health, Event Grid, activity log; Azure's own repair of a machine whose host broke;
// limits of requests about disks beyond ARM's own; tenants beyond one (of subscriptions there may be several); moving resources
// between groups or subscriptions.
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manualClock, realClock } from './clock.ts'
import { help, type Options, OptionsError, readOptions } from './options.ts'
import { loadSchemas } from './schemas.ts'
import { listen } from './server.ts'
import { tlsIn } from './tls.ts'
import { newWorld } from './world.ts'

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), () => randomInt(2 ** 32 - 1))
  if (options === undefined) {
    process.stdout.write(help())
    return
  }
  const temporary = options.tlsDirectory === undefined ? mkdtempSync(join(tmpdir(), 'azure-simulator-')) : undefined
  try {
    await serve(options, temporary ?? options.tlsDirectory ?? '')
  } finally {
    if (temporary !== undefined) rmSync(temporary, { recursive: true })
  }
}

/** Until it is asked to stop. */
async function serve(options: Options, tlsDirectory: string): Promise<void> {
  const tls = await tlsIn(tlsDirectory, options.host)
  const clock = options.clock === 'manual' ? manualClock(Date.now(), options.speed) : realClock(options.speed)
  const world = newWorld(options, { clock, schemas: await loadSchemas() })
  const server = await listen(world, tls, options).catch((cause: Error) => {
    throw new OptionsError(`Cannot listen on ${options.host}:${options.port}: ${cause.message}`, { cause })
  })

  const { seed, subscription, tenant, clients, publicIpRange } = options.settings
  const ready = {
    listening: `https://${options.host}:${server.port}`,
    ca: tls.caPath,
    seed,
    speed: options.speed,
    clock: options.clock,
    subscription,
    tenant,
    clients,
    publicIPRange: publicIpRange,
  }
  // Listened for before anybody is told that we are ready: they may ask us to stop at once.
  const asked = new Promise<void>(resolve => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  process.stdout.write(`${JSON.stringify(ready)}\n`)
  await asked
  await server.close()
}

main().catch(error => {
  if (!(error instanceof OptionsError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
})
