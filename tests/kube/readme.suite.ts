import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { configMaps } from '../../lib/kube/core.ts'
import { defineResource, type KubernetesObject } from '../../lib/kube/resource.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf, installKind, newNamespace, until } from './fixtures.ts'

const program = join(import.meta.dirname, 'greeter.ts')
const readme = join(import.meta.dirname, '../../lib/kube/README.md')

interface Greeting extends KubernetesObject {
  spec: { text: string }
}
const greetings = defineResource<Greeting>({
  group: 'example.com',
  version: 'v1',
  plural: 'greetings',
  kind: 'Greeting',
  namespaced: true,
})

export function readmeHolds(server: () => ApiServer): void {
  describe('README', () => {
    test('shows the program that is run here, word for word', async () => {
      const text = await readFile(program, 'utf8')
      const shown = text.replaceAll("'../../lib/kube/", "'./").replaceAll("'../../lib/", "'../")
      expect(await readFile(readme, 'utf8')).toContain(`\`\`\`ts\n${shown}\`\`\``)
      const lines = text.slice(text.lastIndexOf(".ts'\n")).split('\n').slice(1)
      expect(lines.filter(line => line !== '' && !line.startsWith('//')).length).toBeLessThan(30)
    })

    test('its controller follows its objects, mends what others undo, and ends when told to', async () => {
      const client = clientOf(server().credentials())
      const namespace = await newNamespace(server())
      const schema = {
        type: 'object',
        properties: { spec: { type: 'object', properties: { text: { type: 'string' } } } },
      }
      await installKind(client, greetings, schema)
      const child = spawn(process.execPath, [program], {
        env: { ...process.env, NODE_OPTIONS: '', KUBECONFIG: await server().kubeconfig({ token: server().token }) },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      onTestFinished(() => {
        child.kill('SIGKILL')
      })

      const reference = { namespace, name: 'hello' }
      const metadata = reference
      const text = async () => (await client.get(configMaps, reference))?.data?.text
      await client.create(greetings, {
        apiVersion: 'example.com/v1',
        kind: 'Greeting',
        metadata,
        spec: { text: 'Namaste' },
      })
      await until(async () => (await text()) === 'Namaste')
      await client.mergePatch(greetings, reference, { spec: { text: 'Servus' } })
      await until(async () => (await text()) === 'Servus')
      await client.delete(configMaps, reference)
      await until(async () => (await text()) === 'Servus')
      child.kill('SIGTERM')
      expect(await once(child, 'exit')).toEqual([0, null])
    })
  })
}
