// The command line. Node's parseArgs, strict: an unknown option stops the program.
import { parseArgs } from 'node:util'
import { number } from '../arguments.ts'

export const HELP = `Usage: node demo/simulators/razorpay/main.ts --port N [options]

Razorpay's API, hosted payment page and webhooks, with a control API (README.md beside this file).

  --port N                    required; 0 picks a free port
  --host ADDRESS              default 127.0.0.1
  --public-url URL            start of every short_url; default: the listening address
  --key-id ID                 default: made from the seed
  --key-secret SECRET         default: made from the seed
  --webhook-url URL           where events go; default: none, they wait
  --webhook-secret SECRET     default: made from the seed
  --account ID                account_id of events; default: made from the seed
  --seed TEXT                 default 1
  --capture automatic|manual  what follows an authorisation; default automatic
  --retry-scale X             multiplies webhook retry delays and the 24 h after which it is disabled; default 1
  --webhook-timeout SECONDS   default 5
  --disorder SECONDS          an event waits a random part of this before it is sent; default 0.2
  --late-seconds SECONDS      from failure to late authorisation; default 600
  --duplicates P              share of accepted deliveries sent twice, 0 to 1; default 0
  --help
`

export interface Options {
  port: number
  host: string
  publicUrl: string | undefined
  keyId: string | undefined
  keySecret: string | undefined
  webhookUrl: string | undefined
  webhookSecret: string | undefined
  account: string | undefined
  seed: string
  capture: 'automatic' | 'manual'
  retryScale: number
  webhookTimeoutSeconds: number
  disorderSeconds: number
  lateSeconds: number
  duplicates: number
}

/** 'help' when that was asked for. Throws an Error whose message is for the person at the keyboard. */
export function parseOptions(argv: string[]): Options | 'help' {
  const { values } = parseArgs({
    args: argv,
    strict: true,
    options: {
      port: { type: 'string' },
      host: { type: 'string', default: '127.0.0.1' },
      'public-url': { type: 'string' },
      'key-id': { type: 'string' },
      'key-secret': { type: 'string' },
      'webhook-url': { type: 'string' },
      'webhook-secret': { type: 'string' },
      account: { type: 'string' },
      seed: { type: 'string', default: '1' },
      capture: { type: 'string', default: 'automatic' },
      'retry-scale': { type: 'string', default: '1' },
      'webhook-timeout': { type: 'string', default: '5' },
      disorder: { type: 'string', default: '0.2' },
      'late-seconds': { type: 'string', default: '600' },
      duplicates: { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  if (values.port === undefined) throw new Error('--port is required; 0 picks a free one.')
  const { capture } = values
  if (capture !== 'automatic' && capture !== 'manual') {
    throw new Error(`--capture is '${capture}'; automatic or manual is expected.`)
  }
  return {
    port: number('port', values.port, { maximum: 65_535 }),
    host: values.host,
    publicUrl: url('public-url', values['public-url'])?.replace(/\/+$/, ''),
    keyId: values['key-id'],
    keySecret: values['key-secret'],
    webhookUrl: url('webhook-url', values['webhook-url']),
    webhookSecret: values['webhook-secret'],
    account: values.account,
    seed: values.seed,
    capture,
    retryScale: number('retry-scale', values['retry-scale'], { maximum: 1000 }),
    webhookTimeoutSeconds: number('webhook-timeout', values['webhook-timeout'], { maximum: 600 }),
    disorderSeconds: number('disorder', values.disorder, { maximum: 3600 }),
    lateSeconds: number('late-seconds', values['late-seconds'], { maximum: 86_400 }),
    duplicates: number('duplicates', values.duplicates, { maximum: 1 }),
  }
}

function url(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (!URL.canParse(text)) throw new Error(`--${name} is '${text}'; an absolute URL is expected.`)
  return text
}
