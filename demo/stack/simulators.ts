// The simulators as processes of their own, each with the options that its README names.
import { join } from 'node:path'
import { z } from 'zod'
import { REPOSITORY } from '../cluster/folders.ts'
import { type Child, ProcessError, start, untilReady } from './processes.ts'

const READY_SECONDS = 30

export interface Simulator<Greeting> {
  readonly url: string
  /** The line of JSON that it prints when it is ready. */
  readonly greeting: Greeting
  readonly process: Child
}

const azureGreeting = z.looseObject({
  listening: z.url(),
  ca: z.string(),
  seed: z.number(),
  subscription: z.string(),
  tenant: z.string(),
  clients: z.array(z.string()).min(1),
  publicIPRange: z.string(),
})
const telegramGreeting = z.looseObject({ listening: z.url(), token: z.string(), username: z.string() })
const razorpayGreeting = z.looseObject({
  listening: z.url(),
  account: z.string(),
  keyId: z.string(),
  keySecret: z.string(),
  webhookSecret: z.string(),
})
const guestGreeting = z.looseObject({ listening: z.url(), metadata: z.url() })

export interface Simulators {
  azure: Simulator<z.infer<typeof azureGreeting>>
  telegram: Simulator<z.infer<typeof telegramGreeting>>
  razorpay: Simulator<z.infer<typeof razorpayGreeting>>
  guest: Simulator<z.infer<typeof guestGreeting>>
  stop(): Promise<void>
}

/** Command line options of each, added to those that the stack gives: the later one wins where both name one. */
export interface SimulatorOptions {
  azure?: string[]
  telegram?: string[]
  razorpay?: string[]
  guest?: string[]
}

/** Resolves when all four listen. Throws `ProcessError`, and then leaves none running. */
export async function startSimulators(options: {
  folder: string
  arguments: Required<SimulatorOptions>
}): Promise<Simulators> {
  const { folder, arguments: args } = options
  const started: Child[] = []
  const stop = async () => {
    await Promise.all(started.map(child => child.stop()))
  }
  const run = async <Greeting extends { listening: string }>(
    name: keyof SimulatorOptions,
    schema: z.ZodType<Greeting>,
    more: string[] = [],
  ): Promise<Simulator<Greeting>> => {
    let line: string | undefined
    const child = await start(
      {
        name: `${name} simulator`,
        file: process.execPath,
        args: [join(REPOSITORY, 'demo', 'simulators', name, 'main.ts'), '--port', '0', ...more, ...args[name]],
        cwd: REPOSITORY,
        log: join(folder, `${name}.log`),
      },
      text => {
        line ??= text
      },
    )
    started.push(child)
    await untilReady({ child, isReady: async () => line !== undefined, seconds: READY_SECONDS })
    return { url: greetingUrl(line), greeting: parse(name, schema, line), process: child }
  }

  try {
    const starting = [
      run('azure', azureGreeting, ['--tls-directory', join(folder, 'azure-tls')]),
      run('telegram', telegramGreeting),
      run('razorpay', razorpayGreeting),
    ] as const
    await Promise.allSettled(starting) // What is still starting must not be left behind.
    const [azure, telegram, razorpay] = await Promise.all(starting)
    const guest = await run('guest', guestGreeting, ['--azure', azure.url, '--azure-ca', azure.greeting.ca])
    return { azure, telegram, razorpay, guest, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function greetingUrl(line: string | undefined): string {
  return z.looseObject({ listening: z.url() }).parse(JSON.parse(line ?? '{}')).listening
}

function parse<Greeting>(name: string, schema: z.ZodType<Greeting>, line: string | undefined): Greeting {
  const parsed = schema.safeParse(JSON.parse(line ?? '{}'))
  if (!parsed.success) throw new ProcessError(`The ${name} simulator greeted with ${line}: ${parsed.error.message}`)
  return parsed.data
}
