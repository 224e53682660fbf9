// The command line. Node's parseArgs, strict: an unknown option stops the program.
import { parseArgs } from 'node:util'
import { number } from '../arguments.ts'

export const HELP = `Usage: node demo/simulators/guest/main.ts --port N --azure URL [options]

The inside of the machines that an Azure simulator runs: stream server and metadata service (README.md beside this file).

  --port N           the control API; required; 0 picks a free port
  --host ADDRESS     of the control API and the metadata service; default 127.0.0.1
  --azure URL        the Azure simulator; required
  --azure-ca FILE    the certificate authority to trust it by
  --metadata-port N  the metadata service; default 0, a free port
  --stream-port N    where machines answer on their public addresses; default 47989
  --boot-seconds N   from Azure's "running" to the first answer; default 25
  --speed X          divides the boot seconds; default 1
  --clock WHICH      real, or manual: time moves by POST /simulator/time alone; default real
  --jitter SHARE     boots vary by this share, 0 to 1; default 0.1
  --seed TEXT        default 1
  --help
`

export interface Options {
  port: number
  host: string
  azure: string
  azureCa: string | undefined
  metadataPort: number
  streamPort: number
  bootSeconds: number
  speed: number
  clock: 'real' | 'manual'
  jitter: number
  seed: string
}

/** 'help' when that was asked for. Throws an Error whose message is for the person at the keyboard. */
export function parseOptions(argv: string[]): Options | 'help' {
  const { values } = parseArgs({
    args: argv,
    strict: true,
    options: {
      port: { type: 'string' },
      host: { type: 'string', default: '127.0.0.1' },
      azure: { type: 'string' },
      'azure-ca': { type: 'string' },
      'metadata-port': { type: 'string', default: '0' },
      'stream-port': { type: 'string', default: '47989' },
      'boot-seconds': { type: 'string', default: '25' },
      speed: { type: 'string', default: '1' },
      clock: { type: 'string', default: 'real' },
      jitter: { type: 'string', default: '0.1' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  if (values.port === undefined) throw new Error('--port is required; 0 picks a free one.')
  if (values.azure === undefined || !URL.canParse(values.azure)) {
    throw new Error('--azure is required: the address of the Azure simulator, such as https://127.0.0.1:8443.')
  }
  const { clock } = values
  if (clock !== 'real' && clock !== 'manual') throw new Error(`--clock has to be real or manual, not '${clock}'.`)
  return {
    port: number('port', values.port, { minimum: 0, maximum: 65_535 }),
    host: values.host,
    azure: values.azure,
    azureCa: values['azure-ca'],
    metadataPort: number('metadata-port', values['metadata-port'], { minimum: 0, maximum: 65_535 }),
    streamPort: number('stream-port', values['stream-port'], { minimum: 1024, maximum: 65_535 }),
    bootSeconds: number('boot-seconds', values['boot-seconds'], { minimum: 0, maximum: 3600 }),
    speed: number('speed', values.speed, { minimum: 0.001, maximum: 100_000 }),
    clock,
    jitter: number('jitter', values.jitter, { minimum: 0, maximum: 1 }),
    seed: values.seed,
  }
}
