// Who owns a field of an object, by the API server's own account.
import type { KubernetesObject } from '../lib/kube/resource.ts'

/** The field managers of every field of this name. */
export function ownersOf(object: KubernetesObject | undefined, field: string): (string | undefined)[] {
  const owned = object?.metadata.managedFields?.filter(({ fieldsV1 }) =>
    JSON.stringify(fieldsV1).includes(`"f:${field}"`),
  )
  return owned?.map(({ manager }) => manager) ?? []
}
