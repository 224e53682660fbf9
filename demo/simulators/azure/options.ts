// The command line, and what it makes of the run.
import { parseArgs } from 'node:util'
import { ipRange, ipText } from './network.ts'
import { type DelayKind, defaultDelays } from './operations.ts'
import { seededRandom } from './random.ts'
import { regionNamed, sizeNamed } from './sizes.ts'
import type { Placement, Priority } from './state.ts'

/** What the simulated Azure goes by; the network and the process take the rest of the options. */
export interface Settings {
  seed: number
  subscription: string
  tenant: string
  clients: readonly string[]
  tokenLifetimeSeconds: number
  publicIpRange: string
  delays: Readonly<Record<DelayKind, number>>
  jitter: number
  preemptNoticeSeconds: number
  resourceGraphSeconds: number
  nicReservationSeconds: number
  throttling: boolean
  omitPowerState: number
  osDiskTags: 'inherit' | 'none'
  pageSize: number
  images: readonly GalleryImage[]
}

export interface GalleryImage {
  id: string
  osType: 'Windows' | 'Linux'
  /** A generalized image wants an osProfile, a specialized one refuses it. */
  state: 'Generalized' | 'Specialized'
}

export interface SubscriptionOption {
  id: string
  /** Who has a role in it; everybody where none is named. */
  clients: readonly string[] | undefined
}

export interface Options {
  port: number
  host: string
  speed: number
  clock: 'real' | 'manual'
  tlsDirectory: string | undefined
  settings: Settings
  /** The first is the one that everything is in which names none. */
  subscriptions: readonly [SubscriptionOption, ...SubscriptionOption[]]
  resourceGroups: readonly { subscription: string | undefined; name: string; location: string }[]
  subnets: readonly {
    subscription: string | undefined
    resourceGroup: string
    network: string
    subnet: string
    cidr: string
  }[]
  securityGroups: readonly { resourceGroup: string; name: string }[]
  quotas: readonly { region: string; name: string; limit: number }[]
  capacity: readonly (Placement & { available: number })[]
  prices: readonly (Placement & { usdPerHour: number })[]
}

interface Option {
  usage: string
  help: string
  multiple?: true
}

const table = {
  port: { usage: 'N', help: 'where to listen; 0 takes a free port (0)' },
  host: { usage: 'ADDRESS', help: 'where to listen (127.0.0.1)' },
  seed: { usage: 'N', help: 'of all randomness (random, printed)' },
  speed: { usage: 'N', help: "how many times as fast Azure's delays, notices and limits run (1)" },
  clock: { usage: 'real|manual', help: 'manual: time moves by POST /simulator/time only (real)' },
  'tls-directory': { usage: 'DIR', help: 'ca.pem, leaf.pem and leaf-key.pem: taken if there, else made (temporary)' },
  subscription: {
    usage: 'ID[=CLIENT,CLIENT]',
    help: 'a subscription, and which clients have a role in it, else all (a fixed id, printed)',
    multiple: true,
  },
  tenant: { usage: 'ID', help: 'the only tenant (a fixed id, printed)' },
  client: { usage: 'ID', help: 'an application that gets tokens (a fixed id, printed)', multiple: true },
  'token-lifetime-seconds': { usage: 'N', help: 'of access tokens, in real seconds (3600)' },
  'public-ip-range': { usage: 'CIDR', help: 'where public addresses come from (a /24 of 127.64.0.0/10 by the seed)' },
  'resource-group': { usage: '[SUBSCRIPTION/]NAME=REGION', help: 'exists from the start', multiple: true },
  'virtual-network': { usage: '[SUBSCRIPTION/]RG/VNET/SUBNET=CIDR', help: 'exists from the start', multiple: true },
  'network-security-group': { usage: 'RG/NAME', help: 'exists from the start', multiple: true },
  image: {
    usage: 'ID[=Windows|Linux[/Specialized]]',
    help: 'a gallery image, or its definition, that may be deployed (Windows, generalized)',
    multiple: true,
  },
  quota: { usage: 'REGION/NAME=LIMIT', help: 'REGION or *; NAME as in the usages lists', multiple: true },
  capacity: { usage: 'REGION/SIZE/Spot|Regular=N', help: 'how many more can be placed (unlimited)', multiple: true },
  price: {
    usage: 'REGION/SIZE/Spot|Regular=USD',
    help: 'per hour, Linux (a built-in, invented table)',
    multiple: true,
  },
  delay: {
    usage: 'KIND=SECONDS',
    help: Object.entries(defaultDelays)
      .map(([kind, seconds]) => `${kind}=${seconds}`)
      .join(' '),
    multiple: true,
  },
  jitter: { usage: 'SHARE', help: 'by which delays vary, 0 to 1 (0.1)' },
  'preempt-notice-seconds': { usage: 'N', help: 'from the Preempt notice to the stop (30)' },
  'resource-graph-seconds': { usage: 'N', help: 'how late Resource Graph tells what happened (120)' },
  'nic-reservation-seconds': { usage: 'N', help: 'how long a NIC is kept for a VM whose creation failed (180)' },
  throttling: { usage: 'on|off', help: "Azure's request limits (on)" },
  'omit-power-state': { usage: 'SHARE', help: 'of machines that a statusOnly list gives without power state (0)' },
  'os-disk-tags': { usage: 'inherit|none', help: "whether a disk made by a VM's PUT gets the VM's tags (inherit)" },
  'page-size': { usage: 'N', help: 'items per list page (200)' },
} as const satisfies Record<string, Option>

type Name = keyof typeof table

export function help(): string {
  const lines = Object.entries<Option>(table).map(([name, { usage, help, multiple }]) => {
    return `  --${name} ${usage}${multiple === true ? ' (repeatable)' : ''}\n      ${help}`
  })
  return ['usage: node demo/simulators/azure/main.ts [options]', '', ...lines, '  --help', ''].join('\n')
}

/** All that is wrong with the command line, at once. */
export class OptionsError extends Error {}

const DEFAULT_IDS = {
  subscription: '5ab5c81e-0000-4000-8000-000000000001',
  tenant: '7e4a47c1-0000-4000-8000-000000000002',
  client: 'c11e47a9-0000-4000-8000-000000000003',
} as const

/** `undefined` asks for the help. Throws OptionsError. */
export function readOptions(args: readonly string[], randomSeed: () => number): Options | undefined {
  const faults: string[] = []
  const values = parse(args)
  if (values.help === true) return undefined

  const one = (name: Name): string | undefined => {
    const value = values[name]
    return typeof value === 'string' ? value : undefined
  }
  const many = (name: Name): readonly string[] => {
    const value = values[name]
    return Array.isArray(value) ? value.map(String) : []
  }
  const number = (name: Name, usual: number, { least = 0, most = Number.MAX_SAFE_INTEGER } = {}): number => {
    const text = one(name)
    const value = text === undefined ? usual : Number(text)
    if (text?.trim() === '' || !(value >= least && value <= most)) {
      faults.push(`--${name} has to be a number from ${least} to ${most}, not '${text}'.`)
    }
    return value
  }
  const choice = <Choice extends string>(name: Name, choices: readonly [Choice, ...Choice[]]): Choice => {
    const text = one(name) ?? choices[0]
    const found = choices.find(one => one === text)
    if (found === undefined) faults.push(`--${name} has to be one of ${choices.join(', ')}, not '${text}'.`)
    return found ?? choices[0]
  }
  const each = <Item>(name: Name, read: (before: string, after: string) => Item | undefined): readonly Item[] =>
    many(name).flatMap(text => {
      const at = text.lastIndexOf('=')
      const item = at < 1 ? undefined : read(text.slice(0, at), text.slice(at + 1))
      if (item !== undefined) return [item]
      faults.push(`--${name} has to be ${table[name].usage}, not '${text}'.`)
      return []
    })

  const clock = choice('clock', ['real', 'manual'])
  const speed = number('speed', 1, { least: 0.001, most: 100_000 })
  const seed = number('seed', randomSeed(), { most: 2 ** 32 - 1 })
  const subscriptions = many('subscription').map(text => {
    const [id = '', clients] = text.split('=')
    return { id, clients: clients?.split(',') }
  })
  const [first = { id: DEFAULT_IDS.subscription, clients: undefined }, ...others] = subscriptions
  const isKnown = (id: string | undefined) =>
    id === undefined || [first, ...others].some(one => one.id.toLowerCase() === id.toLowerCase())
  const resourceGroups = each('resource-group', (path, region) => {
    const [name = '', subscription, more] = path.split('/').toReversed()
    const location = regionNamed(region)?.name
    const isRight = location !== undefined && name !== '' && more === undefined && isKnown(subscription)
    return isRight ? { subscription, name, location } : undefined
  })
  const exists = (group: string) => resourceGroups.some(({ name }) => name.toLowerCase() === group.toLowerCase())
  const publicIpRange = one('public-ip-range') ?? randomRange(seed)
  if (ipRange(publicIpRange) === undefined)
    faults.push(`--public-ip-range has to be an IPv4 range, not '${publicIpRange}'.`)

  const options: Options = {
    port: number('port', 0, { most: 65_535 }),
    host: one('host') ?? '127.0.0.1',
    speed,
    clock,
    tlsDirectory: one('tls-directory'),
    subscriptions: [first, ...others],
    resourceGroups,
    subnets: each('virtual-network', (path, cidr) => {
      const [subnet, network, resourceGroup = '', subscription] = path.split('/').toReversed()
      if (network === undefined || subnet === undefined || !exists(resourceGroup) || ipRange(cidr) === undefined)
        return undefined
      return { subscription, resourceGroup, network, subnet, cidr }
    }),
    securityGroups: many('network-security-group').flatMap(text => {
      const [resourceGroup = '', name] = text.split('/')
      if (name !== undefined && exists(resourceGroup)) return [{ resourceGroup, name }]
      faults.push(`--network-security-group has to be RG/NAME in a group given by --resource-group, not '${text}'.`)
      return []
    }),
    quotas: each('quota', (path, limit) => {
      const [region, name] = path.split('/')
      if (region === undefined || name === undefined || !isCount(limit)) return undefined
      return { region: region === '*' ? region : (regionNamed(region)?.name ?? region), name, limit: Number(limit) }
    }),
    capacity: each('capacity', (path, available) => {
      const placement = placementOf(path)
      return placement === undefined || !isCount(available) ? undefined : { ...placement, available: Number(available) }
    }),
    prices: each('price', (path, usd) => {
      const placement = placementOf(path)
      return placement === undefined || !(Number(usd) >= 0) ? undefined : { ...placement, usdPerHour: Number(usd) }
    }),
    settings: {
      seed,
      subscription: first.id,
      tenant: one('tenant') ?? DEFAULT_IDS.tenant,
      clients: many('client').length === 0 ? [DEFAULT_IDS.client] : many('client'),
      tokenLifetimeSeconds: number('token-lifetime-seconds', 3600, { least: 1 }),
      publicIpRange,
      delays: {
        ...defaultDelays,
        ...Object.fromEntries(
          each('delay', (kind, seconds) =>
            kind in defaultDelays && Number(seconds) >= 0 ? [kind, Number(seconds)] : undefined,
          ),
        ),
      },
      jitter: number('jitter', 0.1, { most: 1 }),
      preemptNoticeSeconds: number('preempt-notice-seconds', 30),
      resourceGraphSeconds: number('resource-graph-seconds', 120),
      nicReservationSeconds: number('nic-reservation-seconds', 180),
      throttling: choice('throttling', ['on', 'off']) === 'on',
      omitPowerState: number('omit-power-state', 0, { most: 1 }),
      osDiskTags: choice('os-disk-tags', ['inherit', 'none']),
      pageSize: number('page-size', 200, { least: 1 }),
      images: many('image').flatMap(text => {
        const image = imageOf(text)
        if (image !== undefined) return [image]
        faults.push(`--image has to be ${table.image.usage}, not '${text}'.`)
        return []
      }),
    },
  }
  if (faults.length > 0) throw new OptionsError(faults.join('\n'))
  return options
}

function parse(args: readonly string[]): Record<string, unknown> {
  const options = Object.fromEntries(
    Object.entries<Option>(table).map(([name, { multiple }]) => [
      name,
      { type: 'string' as const, multiple: multiple ?? false },
    ]),
  )
  try {
    return {
      ...parseArgs({ args: [...args], options: { ...options, help: { type: 'boolean' } }, strict: true }).values,
    }
  } catch (error) {
    throw new OptionsError(`${error instanceof Error ? error.message : error}\n--help tells all options.`)
  }
}

function isCount(text: string): boolean {
  return /^\d+$/.test(text)
}

/** `region/size/priority`, as both options and the control API name a placement. */
export function placementOf(path: string): Placement | undefined {
  const [region = '', size = '', priority] = path.split('/')
  const place = regionNamed(region)
  const known = sizeNamed(size)
  if (place === undefined || known === undefined || !isPriority(priority)) return undefined
  return { region: place.name, size: known.name, priority }
}

function isPriority(text: string | undefined): text is Priority {
  return text === 'Spot' || text === 'Regular'
}

/** An id alone is a generalized Windows image. */
function imageOf(text: string): GalleryImage | undefined {
  const [, id, osType = 'Windows', state = 'Generalized'] =
    /^([^=]+?)(?:=(Windows|Linux)(?:\/(Generalized|Specialized))?)?$/.exec(text) ?? []
  if (id === undefined) return undefined
  return {
    id,
    osType: osType === 'Linux' ? 'Linux' : 'Windows',
    state: state === 'Specialized' ? 'Specialized' : 'Generalized',
  }
}

/** A /24 of 127.64.0.0/10, so that two runs on one machine seldom meet. */
function randomRange(seed: number): string {
  const range = ipRange('127.64.0.0/10')
  const blocks = (range?.size ?? 0) / 256
  return `${ipText((range?.first ?? 0) + seededRandom(seed).below(blocks) * 256)}/24`
}
