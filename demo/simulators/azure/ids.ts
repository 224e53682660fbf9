// Resource ids. ARM compares them without regard to case, and gives some of them back in another case than they came.

export interface ResourceId {
  subscription: string
  resourceGroup: string
  /** Such as `Microsoft.Compute/disks`, or with a parent, `Microsoft.Network/virtualNetworks/subnets`. */
  type: string
  names: readonly string[]
}

/** What an id is looked up by. */
export function key(id: string): string {
  return id.toLowerCase()
}

export function sameId(one: string | undefined, other: string | undefined): boolean {
  return one?.toLowerCase() === other?.toLowerCase()
}

function parseId(id: string): ResourceId | undefined {
  const found = /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/([^/]+)\/(.+?)\/?$/i.exec(id)
  const [, subscription, resourceGroup, namespace, rest] = found ?? []
  if (subscription === undefined || resourceGroup === undefined || namespace === undefined || rest === undefined) return
  const parts = rest.split('/')
  const types = parts.filter((_, index) => index % 2 === 0)
  const names = parts.filter((_, index) => index % 2 === 1)
  if (types.length !== names.length) return
  return { subscription, resourceGroup, type: [namespace, ...types].join('/'), names }
}

/** The last name in an id. */
export function nameOf(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1)
}

export function resourceGroupOf(id: string): string {
  return parseId(id)?.resourceGroup ?? ''
}

/** Compute's lists give the resource group in capitals. */
export function inCapitals(id: string): string {
  return id.replace(/(\/resourceGroups\/)([^/]+)/i, (_, before: string, group: string) => before + group.toUpperCase())
}
