// The command line. Node's parseArgs, strict: an unknown option stops the program.
import { parseArgs } from 'node:util'
import { number } from '../arguments.ts'

export const HELP = `Usage: node demo/simulators/telegram/main.ts --port N [options]

The Telegram Bot API with a control API for the person in the chat (README.md beside this file).

  --port N                        required; 0 picks a free port
  --host ADDRESS                  default 127.0.0.1
  --token TOKEN                   the bot's token, <id>:<secret>; default: made from the seed
  --username NAME                 the bot's username; default wasd_cloud_bot
  --login-secret TEXT             the secret of the bot's login; default: made from the seed
  --login-redirect URL            an address to which the login may lead back; may be given several times
  --seed TEXT                     default 1
  --retry-scale X                 multiplies the webhook's retry delays; default 1
  --webhook-timeout SECONDS       default 60
  --pre-checkout-timeout SECONDS  default 10
  --duplicates P                  share of accepted deliveries sent twice, 0 to 1; default 0
  --flood-per-chat N              messages per second and chat; default 0, no limit
  --flood-total N                 messages per second over all chats; default 0, no limit
  --help
`

export interface Options {
  port: number
  host: string
  token: string | undefined
  username: string
  loginSecret: string | undefined
  loginRedirectUrls: string[]
  seed: string
  retryScale: number
  webhookTimeoutSeconds: number
  preCheckoutSeconds: number
  duplicates: number
  floodPerChat: number
  floodTotal: number
}

/** 'help' when that was asked for. Throws an Error whose message is for the person at the keyboard. */
export function parseOptions(argv: string[]): Options | 'help' {
  const { values } = parseArgs({
    args: argv,
    strict: true,
    options: {
      port: { type: 'string' },
      host: { type: 'string', default: '127.0.0.1' },
      token: { type: 'string' },
      username: { type: 'string', default: 'wasd_cloud_bot' },
      'login-secret': { type: 'string' },
      'login-redirect': { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: '1' },
      'retry-scale': { type: 'string', default: '1' },
      'webhook-timeout': { type: 'string', default: '60' },
      'pre-checkout-timeout': { type: 'string', default: '10' },
      duplicates: { type: 'string', default: '0' },
      'flood-per-chat': { type: 'string', default: '0' },
      'flood-total': { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  if (values.port === undefined) throw new Error('--port is required; 0 picks a free one.')
  if (values.token !== undefined && !/^[1-9]\d{0,14}:[\w-]+$/.test(values.token)) {
    throw new Error('--token must look like 7000000001:SECRET: a number, a colon, letters, digits, - and _.')
  }
  return {
    port: number('port', values.port, { maximum: 65_535 }),
    host: values.host,
    token: values.token,
    username: values.username,
    loginSecret: values['login-secret'],
    loginRedirectUrls: values['login-redirect'],
    seed: values.seed,
    retryScale: number('retry-scale', values['retry-scale'], { maximum: 1000 }),
    webhookTimeoutSeconds: number('webhook-timeout', values['webhook-timeout'], { maximum: 600 }),
    preCheckoutSeconds: number('pre-checkout-timeout', values['pre-checkout-timeout'], { maximum: 600 }),
    duplicates: number('duplicates', values.duplicates, { maximum: 1 }),
    floodPerChat: number('flood-per-chat', values['flood-per-chat'], { maximum: 10_000 }),
    floodTotal: number('flood-total', values['flood-total'], { maximum: 10_000 }),
  }
}
