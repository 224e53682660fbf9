// The simulator as a program: how it is trusted, stopped, and told what to do.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect } from 'node:tls'
import { expect, test } from 'vitest'
import { startAzure, startAzureAlone } from './azure-simulator.ts'
import { programOf } from './program.ts'

test('a program trusts it by NODE_EXTRA_CA_CERTS', async () => {
  const azure = await startAzure()
  const script = `fetch('${azure.about.listening}/simulator/state').then(answer => console.log(answer.status))`
  const options = {
    encoding: 'utf8',
    env: { ...process.env, NODE_EXTRA_CA_CERTS: azure.about.ca },
    timeout: 20_000,
  } as const
  expect(spawnSync(process.execPath, ['--eval', script], options).stdout).toBe('200\n')
  expect(await azure.stop()).toBe(0)
})

test('a program may trust several of them', async () => {
  const both = await Promise.all([startAzureAlone(), startAzureAlone()])
  const ca = both.map(({ caText }) => caText)
  for (const { about } of both) {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(about.listening).port), ca })
    await once(socket, 'secureConnect')
    expect(socket.authorized).toBe(true)
    socket.destroy()
  }
  for (const azure of both) await azure.stop()
})

test('a certificate is taken again from its directory, and a temporary one is cleaned up', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'azure-tls-'))
  const first = await startAzure(`--tls-directory=${directory}`)
  await first.stop()
  const second = await startAzure(`--tls-directory=${directory}`)
  expect(second.caText).toBe(first.caText)
  expect(readFileSync(second.about.ca, 'utf8')).toBe(first.caText)
  await second.stop()
  rmSync(directory, { recursive: true })

  const temporary = await startAzureAlone()
  expect(existsSync(temporary.about.ca)).toBe(true)
  await temporary.stop()
  expect(existsSync(dirname(temporary.about.ca))).toBe(false)
})

test('help goes to stdout, mistakes to stderr with exit code 2', () => {
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [programOf('azure'), ...args], { encoding: 'utf8', timeout: 20_000 })
  const help = run('--help')
  expect(help).toMatchObject({ status: 0, stderr: '' })
  for (const option of ['--port', '--speed', '--resource-group', '--public-ip-range', '--delay']) {
    expect(help.stdout).toContain(option)
  }
  const wrong = run('--speed=fast', '--clock=slow')
  expect(wrong).toMatchObject({ status: 2, stdout: '' })
  expect(wrong.stderr).toContain('--speed has to be')
  expect(wrong.stderr).toContain('--clock has to be')
})
