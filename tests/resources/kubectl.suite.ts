// The resources as an SRE uses them, by the real kubectl.
import { resolve } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { allFields, crdOf } from '../crds/schema.ts'
import { objectOf } from '../evening/deeds.ts'
import type { Theatre } from './theatre.ts'

const root = resolve(import.meta.dirname, '../..')
const samples = ['-f', resolve(root, 'manifests/samples')]
const standard = { player: 'sre', game: 'neon-rally', tier: 'standard', regions: ['centralindia'] }
const bare = { region: 'westeurope', size: 'Standard_NV12ads_A10_v5', image: 'linux-nvidia' }

const toldEvent = z.looseObject({
  reportingController: z.string().default(''),
  reason: z.string(),
  note: z.string().default(''),
  action: z.string().default(''),
})

/** A row of `get gs` tells of its phase this; what is not there is left blank. */
const sessionRows: Record<string, RegExp> = {
  Pending: /Pending +[\w-]+(?: +\w+ +(?:Spot|OnDemand))?(?: +0)? +\w+$/,
  Provisioning: /Provisioning +[\w-]+ +\w+ +(?:Spot|OnDemand) +(?:[\d.]+ +)?\d+ +\w+$/,
  Starting: /Starting +[\w-]+ +\w+ +(?:Spot|OnDemand) +[\d.]+ +\d+ +\w+$/,
  Running: /Running +[\w-]+ +\w+ +(?:Spot|OnDemand) +[\d.]+ +\d+ +\w+$/,
  Recovering: /Recovering +[\w-]+ +\w+ +(?:Spot|OnDemand) +[\d.]+ +\d+ +\w+$/,
  Paused: /Paused +[\w-]+ +\w+ +(?:Spot|OnDemand) +[\d.]+ +\d+ +\w+$/,
  Ending: /Ending +[\w-]+(?: +\w+ +(?:Spot|OnDemand) +[\d.]+)? +\d+ +\w+$/,
  Ended: /Ended +[\w-]+(?: +\w+)? +\d+ +\w+$/, // It runs on nothing, and nowhere to be reached.
  Failed: /Failed +[\w-]+ +\d+ +\w+$/,
}
const machineRows: Record<string, RegExp> = {
  Pending: /Pending +Standard_\w+ +\w+$/,
  Creating: /Creating +Standard_\w+(?: +[\d.]+)? +\w+$/,
  Starting: /Starting +Standard_\w+(?: +(?:Spot|Regular))? +[\d.]+ +\w+$/,
  Running: /Running +Standard_\w+ +(?:Spot|Regular) +[\d.]+ +\w+$/,
  Evicted: /Evicted +Standard_\w+(?: +(?:Spot|Regular))? +[\d.]+ +\w+$/,
  Waiting: /Waiting +Standard_\w+(?: +[\d.]+)? +\w+$/,
  Deallocating: /Deallocating +Standard_\w+ +(?:Spot|Regular) +[\d.]+ +\w+$/,
  Deallocated: /Deallocated +Standard_\w+ +(?:Spot|Regular) +[\d.]+ +\w+$/,
  Deleting: /Deleting +Standard_\w+(?: +(?:Spot|Regular))?(?: +[\d.]+)? +\w+$/,
  Failed: /Failed +Standard_\w+ +\w+$/,
}

export function kubectlTells(theatre: () => Theatre): void {
  const kubectl = async (args: string[], input?: object) => await theatre().stage.kubectl(args, input)
  /** For what is to fail, or to say no by its code. */
  const attempt = async (args: string[], input?: object) => {
    const { stack } = theatre().stage
    return await stack.kubectl(['--namespace', stack.namespace, ...args], input && JSON.stringify(input))
  }

  describe('with objects in every phase', () => {
    beforeAll(async () => {
      const { arm } = theatre()
      for (const priority of ['Spot', 'Regular']) {
        const place = { region: 'westeurope', size: 'Standard_NV36ads_A10_v5', priority }
        await arm.post('/simulator/capacity', { ...place, available: 0 })
      }
      const objects = [
        objectOf('GameSession', 'running', standard),
        objectOf('GameSession', 'too-dear', {
          ...standard,
          player: 'thrifty',
          capacity: { maxHourlyPriceUsd: '0.01' },
        }),
        objectOf('GameSession', 'unknown-game', { ...standard, player: 'other', game: 'tetris' }),
        objectOf('GpuVm', 'bare', bare),
        objectOf('GpuVm', 'refused', { ...bare, size: 'Standard_NV36ads_A10_v5' }),
        objectOf('GpuVm', 'unknown-image', { ...bare, image: 'solaris' }),
      ]
      await kubectl(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: objects })
      const patience = '--timeout=60s'
      await Promise.all([
        kubectl(['wait', 'gs/running', 'gvm/bare', '--for=condition=Ready', patience]),
        kubectl(['wait', 'gs/running', '--for=jsonpath={.status.endpoint.host}', patience]),
        kubectl(['wait', 'gs/too-dear', '--for=jsonpath={.status.phase}=Pending', patience]),
        kubectl(['wait', 'gs/unknown-game', 'gvm/unknown-image', '--for=condition=Stalled', patience]),
        kubectl(['wait', 'gvm/refused', '--for=jsonpath={.status.phase}=Waiting', patience]),
      ])
      const patch = '--patch={"spec":{"powerState":"Deallocated"}}'
      expect(await kubectl(['patch', 'gvm', 'bare', '--type=merge', patch])).toBe('gpuvm.wasd.cloud/bare patched\n')
      await kubectl(['wait', 'gvm/bare', '--for=jsonpath={.status.phase}=Deallocated', patience])
      await kubectl(['wait', 'gvm/bare', '--for=condition=Ready', patience])
    }, 120_000)

    test('-o wide adds whose it is, what is asked, and the reason in words', async () => {
      const [heading = '', ...rows] = (await kubectl(['get', 'gs', '-o', 'wide'])).split('\n')
      expect(heading).toMatch(/AGE +PLAYER +TIER +ZONE +SIZE +DESIRED +PAID +BILLED +READY +STATUS$/)
      const row = (name: string) => rows.find(each => each.startsWith(`${name} `))
      expect(row('running')).toMatch(
        /sre +standard +Standard_\w+ +Running +\d+ +True +The game can be played at [\d.]+\.$/,
      )
      expect(row('too-dear')).toMatch(
        /Unknown +Nothing is to be had now\. .* costs 0\.\d+ USD per hour, above the session's cap of 0\.01\./,
      )
      expect(row('unknown-game')).toMatch(
        /False +The catalogue has no game "tetris"; it has: hollow-harbour, neon-rally,/,
      )
      expect(await kubectl(['get', 'gvm', '-o', 'wide'])).toMatch(
        /bare +Deallocated .* westeurope +1 +Deallocated +Deallocated +linux-nvidia +True +The machine is deallocated; its disks and address are kept\./,
      )
    })

    test('get wasd shows both kinds', async () => {
      const names = (await kubectl(['get', 'wasd', '-o', 'name'])).trim().split('\n')
      expect(names).toEqual(expect.arrayContaining(['gamesession.wasd.cloud/running', 'gpuvm.wasd.cloud/bare']))
    })

    test('describe tells why nothing goes on, and what to do', async () => {
      expect(await kubectl(['describe', 'gs', 'unknown-game'])).toMatch(
        /Warning +GameUnknown .* create a new session, or add the game to the catalogue\./,
      )
      expect(await kubectl(['describe', 'gvm', 'unknown-image'])).toMatch(
        /Warning +ImageUnknown .* The catalogue has no image solaris\. Add it to the catalogue, or create a GpuVm with one that it has\./,
      )
      expect(await kubectl(['describe', 'gs', 'too-dear'])).toMatch(
        /Normal +PriceCap .* The session waits, uncharged\./,
      )
    })

    test('delete takes one, and delete --all the rest; each returns when Azure holds nothing of it', async () => {
      const { stage, recording } = theatre()
      const { namespace } = stage.stack
      expect(await kubectl(['delete', 'gs', 'running', '--timeout=60s'])).toMatch(
        /^gamesession.wasd.cloud "running" deleted/,
      )
      expect(await kubectl(['get', 'gvm', '-l', 'wasd.cloud/session=running', '-o', 'name'])).toBe('')
      await kubectl(['delete', 'gs,gvm', '--all', '--timeout=90s'])
      expect(await kubectl(['get', 'wasd'])).toBe('')
      const uids = new Set(
        recording.machines.flatMap(({ metadata }) => (metadata.namespace === namespace ? (metadata.uid ?? []) : [])),
      )
      for (const uid of uids) expect(await stage.azure.holds(uid)).toEqual([])
    }, 100_000)
  })

  test('get tells every phase in its row', () => {
    const { rows, recording } = theatre()
    for (const [kind, expected, versions] of [
      ['gs', sessionRows, recording.sessions],
      ['gvm', machineRows, recording.machines],
    ] as const) {
      const written = new Set<string>(versions.flatMap(({ status }) => status?.phase ?? []))
      const phases = crdOf(kind === 'gs' ? 'GameSession' : 'GpuVm').spec.versions[0].schema.openAPIV3Schema.properties
        .status.properties.phase.enum
      expect([...written].sort()).toEqual([...phases].sort())
      const printed = new Set(rows(kind).map(row => row.trimEnd().split(/ +/)[1]))
      expect([...printed].sort()).toEqual([...phases].sort())
      for (const row of rows(kind)) {
        const [, phase = ''] = row.trimEnd().split(/ +/)
        expect(row.trimEnd()).toMatch(expected[phase] ?? /^$/)
        expect(row.trimEnd().length).toBeLessThanOrEqual(125)
      }
    }
  })

  test('no event says what a program would: each is a sentence', async () => {
    const said = JSON.parse(await kubectl(['get', 'events.events.k8s.io', '-o', 'json']))
    const ours = z
      .array(toldEvent)
      .parse(said.items)
      .filter(each => each.reportingController === 'wasd.cloud/operator')
    expect(ours.length).toBeGreaterThan(15)
    for (const { reason, note, action } of ours) {
      expect(reason).toMatch(/^[A-Z]\w+$/)
      expect(note).not.toContain('\n')
      if (action.startsWith('Create') && reason !== 'Creating') continue // A refusal, in Azure's own words.
      expect(note).toMatch(/^[A-Z].*\.$/)
      expect(note).not.toMatch(/undefined|null|\(s\)|OnDemand|Regular|on on-demand|Restarted/)
    }
  })

  test('no condition does either, and each is on one line', () => {
    const { sessions, machines } = theatre().recording
    const messages = [...sessions, ...machines].flatMap(({ status }) => status?.conditions ?? [])
    expect(messages.length).toBeGreaterThan(100)
    for (const { message } of messages) {
      expect(message).toMatch(/^[A-Z].+$/)
      expect(message).not.toMatch(/\n|undefined|null|NaN|OnDemand|on on-demand|\b1 (?:are|stand|places)\b/)
    }
  })

  test('explain --recursive knows every field, and none is without a description', async () => {
    for (const [kind, name] of [
      ['GameSession', 'gamesession'],
      ['GpuVm', 'gpuvm'],
    ]) {
      const whole = await kubectl(['explain', name ?? '', '--recursive'])
      const fields = allFields().filter(field => field.kind === kind && typeof field.way.at(-1) === 'string')
      for (const { way } of fields) expect(whole).toContain(`${way.at(-1)}\t<`)
      for (const part of ['spec', 'status']) {
        expect(await kubectl(['explain', `${name}.${part}`])).not.toContain('<no description>')
      }
    }
  })

  test('apply twice says unchanged, diff says what would change, and --dry-run=server changes nothing', async () => {
    const changed = objectOf('GameSession', 'try-out', { ...standard, paidSeconds: 600 })
    expect((await attempt(['diff', ...samples])).code).toBe(1)
    expect(await kubectl(['apply', ...samples, '--dry-run=server'])).toMatch(
      /created \(server dry run\)\n.*created \(server dry run\)/,
    )
    expect(await kubectl(['get', 'wasd'])).toBe('')

    expect(await kubectl(['apply', ...samples])).toMatch(
      /gamesession.wasd.cloud\/try-out created\ngpuvm.wasd.cloud\/bare-machine created/,
    )
    expect(await kubectl(['apply', ...samples])).toMatch(/try-out unchanged\ngpuvm.wasd.cloud\/bare-machine unchanged/)
    await kubectl(['wait', 'gs/try-out', 'gvm/bare-machine', '--for=condition=Ready', '--timeout=60s'])
    expect(await kubectl(['apply', ...samples])).toMatch(/try-out unchanged\ngpuvm.wasd.cloud\/bare-machine unchanged/)
    expect(await attempt(['diff', ...samples])).toMatchObject({ code: 0, stdout: '' })

    const difference = await attempt(['diff', '-f', '-'], changed)
    expect(difference.code).toBe(1)
    expect(difference.stdout).toContain('+  paidSeconds: 600')
    expect(await kubectl(['get', 'gs', 'try-out', '-o', 'jsonpath={.spec.paidSeconds}'])).toBe('')
    const refused = await attempt([
      'patch',
      'gs',
      'try-out',
      '--type=merge',
      '--patch={"spec":{"game":"tetris"}}',
      '--dry-run=server',
    ])
    expect(refused.stderr).toContain('spec.game: Invalid value: "tetris": game is immutable and stays "neon-rally"')
    await kubectl(['delete', ...samples, '--timeout=60s'])
  }, 90_000)
}
