// Every write there is, under a lease that is not held, or not any more when it is about to go out: a verb that the fence
// forgets is a second leader's.
import { describe, expect, test } from 'vitest'
import type { KubeClient } from '../../lib/kube/client.ts'
import { fenced } from '../../lib/kube/fence.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf, newNamespace, type Widget, widget, widgets } from './fixtures.ts'

type Write = Exclude<keyof KubeClient, 'get' | 'list' | 'watch' | 'close'>

/** One verb each, upon what was read. The types ask for every one. */
const writes: Record<Write, (client: KubeClient, read: Widget) => Promise<unknown>> = {
  create: (client, { metadata: { namespace = '' } }) => client.create(widgets, widget(namespace, 'another')),
  replace: (client, read) => client.replace(widgets, { ...read, spec: { size: 2 } }),
  replaceStatus: (client, read) => client.replaceStatus(widgets, { ...read, status: { seen: 2 } }),
  mergePatch: (client, { metadata }) => client.mergePatch(widgets, metadata, { spec: { size: 2 } }),
  apply: (client, { metadata: { namespace = '', name } }) =>
    client.apply(widgets, widget(namespace, name, { size: 2 }), { fieldManager: 'fence', force: true }),
  delete: (client, { metadata }) => client.delete(widgets, metadata),
}

export function fenceHolds(server: () => ApiServer): void {
  describe('fence', () => {
    test.each(Object.entries(writes))('%s: refused without the lease, and done with it', async (_verb, write) => {
      const client = clientOf(server().credentials())
      const namespace = await newNamespace(server())
      const read = await client.create(widgets, widget(namespace, 'a', { size: 1 }))
      let isHeld = false
      const writer = fenced(client, () => isHeld)

      await expect(write(writer, read)).rejects.toMatchObject({ code: 'NotLeading' })
      expect(await writer.get(widgets, read.metadata)).toEqual(read)
      expect((await writer.list(widgets, { namespace })).items).toEqual([read])
      // Called while it leads; by the time that it has its credentials and a connection, it does not.
      isHeld = true
      const late = write(writer, read)
      isHeld = false
      await expect(late).rejects.toMatchObject({ code: 'NotLeading' })
      expect((await writer.list(widgets, { namespace })).items).toEqual([read])
      isHeld = true
      await write(writer, read)
      expect((await writer.list(widgets, { namespace })).items).not.toEqual([read])
    })
  })
}
