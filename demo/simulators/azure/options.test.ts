import { expect, test } from 'vitest'
import { OptionsError, readOptions } from './options.ts'

const read = (...args: readonly string[]) => readOptions(args, () => 42)

test('what is left out has a usual value, and the seed chooses the public range', () => {
  const options = read()
  expect(options).toMatchObject({
    port: 0,
    host: '127.0.0.1',
    speed: 1,
    clock: 'real',
    settings: { seed: 42, throttling: true },
  })
  expect(options?.settings.publicIpRange).toMatch(/^127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.0\/24$/)
  expect(read()).toEqual(options)
})

test('repeatable options are read into their parts', () => {
  const options = read(
    '--resource-group=play=West Europe',
    '--virtual-network=play/net/vms=10.1.0.0/16',
    '--network-security-group=play/guard',
    '--image=/a/b=Linux/Specialized',
    '--image=/a/c',
    '--quota=*/cores=5',
    '--capacity=westeurope/standard_nc4as_t4_v3/Spot=2',
    '--delay=vmCreate=3',
    '--delay=nic=0',
  )
  expect(options).toMatchObject({
    resourceGroups: [{ name: 'play', location: 'westeurope' }],
    subnets: [{ resourceGroup: 'play', network: 'net', subnet: 'vms', cidr: '10.1.0.0/16' }],
    securityGroups: [{ resourceGroup: 'play', name: 'guard' }],
    quotas: [{ region: '*', name: 'cores', limit: 5 }],
    capacity: [{ region: 'westeurope', size: 'Standard_NC4as_T4_v3', priority: 'Spot', available: 2 }],
    settings: {
      images: [
        { id: '/a/b', osType: 'Linux', state: 'Specialized' },
        { id: '/a/c', osType: 'Windows', state: 'Generalized' },
      ],
      delays: { vmCreate: 3, nic: 0, vmDelete: 40 },
    },
  })
})

test('help is asked for', () => {
  expect(read('--help')).toBeUndefined()
})

test.each([
  [['--speed=fast'], '--speed has to be a number'],
  [['--port=70000'], '--port has to be a number from 0 to 65535'],
  [['--seed='], '--seed has to be a number'],
  [['--clock=slow'], '--clock has to be one of real, manual'],
  [['--throttling=maybe'], '--throttling has to be one of on, off'],
  [['--public-ip-range=localhost'], '--public-ip-range has to be an IPv4 range'],
  [['--resource-group=play=atlantis'], '--resource-group has to be [SUBSCRIPTION/]NAME=REGION'],
  [['--virtual-network=none/net/vms=10.0.0.0/8'], '--virtual-network has to be'],
  [['--network-security-group=none/x'], '--network-security-group has to be'],
  [['--image=/a=BeOS'], '--image has to be'],
  [['--delay=naps=3'], '--delay has to be KIND=SECONDS'],
  [['--price=westeurope/Standard_NC4as_T4_v3/Spot=cheap'], '--price has to be'],
  [['--frobnicate=1'], "Unknown option '--frobnicate'"],
])('%o is refused in words', (args, words) => {
  expect(() => read(...args)).toThrow(OptionsError)
  expect(() => read(...args)).toThrow(words)
})

test('everything wrong is told at once', () => {
  expect(() => read('--speed=fast', '--jitter=2')).toThrow(/--speed[\s\S]*--jitter/)
})

test('several subscriptions, each with its own clients and groups; what names none is the first one’s', () => {
  const options = read(
    '--subscription=one',
    '--subscription=two=ada,bob',
    '--resource-group=play=westeurope',
    '--resource-group=TWO/play=northeurope',
    '--virtual-network=two/play/net/vms=10.1.0.0/16',
  )
  expect(options).toMatchObject({
    subscriptions: [
      { id: 'one', clients: undefined },
      { id: 'two', clients: ['ada', 'bob'] },
    ],
    resourceGroups: [
      { subscription: undefined, name: 'play', location: 'westeurope' },
      { subscription: 'TWO', name: 'play', location: 'northeurope' },
    ],
    subnets: [{ subscription: 'two', resourceGroup: 'play', network: 'net', subnet: 'vms' }],
    settings: { subscription: 'one' },
  })
  expect(() => read('--resource-group=three/play=westeurope')).toThrow('--resource-group has to be')
})
