// The kind that these tests play with.
import { defineResource, type KubernetesObject } from '../../lib/kube/resource.ts'

export interface Widget extends KubernetesObject {
  spec?: { size?: number; colour?: string; note?: string }
  status?: { seen?: number; phase?: string }
}

export const widgets = defineResource<Widget>({
  group: 'test.example.com',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
})
