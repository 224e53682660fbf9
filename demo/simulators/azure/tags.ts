// Resource Manager's own operation on the tags of one resource: it reads them, and has the resource's provider change them.
// https://learn.microsoft.com/rest/api/resources/tags
//
// A change that takes its provider a while is answered by 202 and is asked for at `Location`; Azure does not tell which
// these are: here they are Compute's, as its PATCH is, and a machine's count against its limit of updates. Tags of
// subscriptions and of resource groups are not modelled.
// Limits: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations
import { z } from 'zod'
import { ArmError, resourceNotFound } from './errors.ts'
import { operationNamed, result } from './operations.ts'
import { type Call, type Reply, type Route, type Router, router } from './routes.ts'
import type { World } from './state.ts'

type Tags = Readonly<Record<string, string>>

const TAGS = 50
const NAME_CHARACTERS = 512
const VALUE_CHARACTERS = 256

const tagged = z.looseObject({ id: z.string(), tags: z.record(z.string(), z.string()).optional() })
const properties = z.looseObject({ tags: z.record(z.string(), z.string()).optional() })
const operation = z.enum(['Merge', 'Replace', 'Delete'])
const body = z.looseObject({ operation: operation.optional(), properties: properties.optional() })

/** `resources`: the routes of all resources that bear tags. */
export function tagRoutes(resources: readonly Route[]): readonly Route[] {
  const of = router(resources)
  return [
    { ...common, method: 'GET', handle: (world, call) => ({ status: 200, body: rendered(standing(world, call, of)) }) },
    { ...common, method: 'PUT', handle: (world, call) => written(world, call, { of, to: replaced(call) }) },
    { ...common, method: 'PATCH', handle: (world, call) => written(world, call, { of, to: patched(call) }) },
    { ...common, method: 'DELETE', handle: (world, call) => written(world, call, { of, to: () => ({}) }) },
    {
      method: 'GET',
      path: '/subscriptions/{subscriptionId}/operationresults/{operationId}',
      kind: 'operations',
      handle: (world, call) => ended(world, call, of),
    },
  ]
}

const common = {
  path: '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/{namespace}/{type}/{name}/providers/Microsoft.Resources/tags/default',
  kind: 'tags',
} as const

/** What the tags become, from what they are. */
type Change = (tags: Tags) => Tags

function replaced(call: Call): Change {
  const { tags = {} } = parsed(call).properties ?? {}
  return () => tags
}

function patched(call: Call): Change {
  const { operation = 'Replace', properties: { tags = {} } = {} } = parsed(call)
  switch (operation) {
    case 'Merge':
      return old => ({ ...without(old, name => has(tags, name)), ...tags })
    case 'Replace':
      return () => tags
    case 'Delete':
      return old => without(old, (name, value) => has(tags, name) && ['', value].includes(valueAt(tags, name)))
    default:
      return operation satisfies never
  }
}

function parsed(call: Call): z.infer<typeof body> {
  const read = body.safeParse(call.body)
  if (read.success) return read.data
  const message = `The request content was invalid and could not be deserialized: '${z.prettifyError(read.error)}'.`
  throw new ArmError(400, 'InvalidRequestContent', message)
}

/** Names are compared without regard to case, values are not. */
function valueAt(tags: Tags, name: string): string {
  return Object.entries(tags).find(([one]) => one.toLowerCase() === name.toLowerCase())?.[1] ?? ''
}

function has(tags: Tags, name: string): boolean {
  return Object.keys(tags).some(one => one.toLowerCase() === name.toLowerCase())
}

function without(tags: Tags, isOut: (name: string, value: string) => boolean): Tags {
  return Object.fromEntries(Object.entries(tags).filter(([name, value]) => !isOut(name, value)))
}

/** The provider changes them, as if it had been asked for it itself. */
function written(world: World, call: Call, { of, to }: { of: Router; to: Change }): Reply {
  const { id, tags: old = {} } = standing(world, call, of)
  const tags = to(old)
  checkLimits(tags)
  const path = scopeOf(call)
  const found = of.find('PATCH', path)
  if (found === undefined) throw notTagged(call)
  const reply = found.route.handle(world, {
    ...call,
    ...plain,
    method: 'PATCH',
    path,
    params: found.params,
    body: { tags },
  })
  const [, operationId] = /operations\/([^/?]+)/i.exec(reply.headers?.['azure-asyncoperation'] ?? '') ?? []
  if (operationId === undefined)
    return { status: 200, body: call.method === 'DELETE' ? undefined : rendered({ id, tags }) }
  const location = `${call.baseUrl}/subscriptions/${call.params.subscriptionId}/operationresults/${operationId}?api-version=${call.apiVersion}`
  return { status: 202, headers: { location, 'retry-after': reply.headers?.['retry-after'] ?? '10' } }
}

/** What a call of ARM's own brings along of the caller's: nothing. */
const plain = { query: new URLSearchParams(), header: () => undefined }

function ended(world: World, call: Call, of: Router): Reply {
  const reply = result(world, call)
  if (reply.status !== 200) return reply
  return { ...reply, body: rendered(read(world, call, { of, path: operationNamed(world, call).resourceId })) }
}

function standing(world: World, call: Call, of: Router): z.infer<typeof tagged> {
  return read(world, call, { of, path: scopeOf(call) })
}

function read(world: World, call: Call, { of, path }: { of: Router; path: string }): z.infer<typeof tagged> {
  const found = of.find('GET', path)
  if (found === undefined) throw notTagged(call)
  return tagged.parse(found.route.handle(world, { ...call, ...plain, method: 'GET', path, params: found.params }).body)
}

function scopeOf({ path }: Call): string {
  return path.replace(/\/providers\/Microsoft\.Resources\/tags\/default\/?$/i, '')
}

function notTagged({ params }: Call): ArmError {
  const { namespace, type, name = '', resourceGroupName = '' } = params
  return resourceNotFound(`${namespace}/${type}`, name, resourceGroupName)
}

/** What the limits are is documented, by which codes Azure refuses is not: these are ours. */
function checkLimits(tags: Tags): void {
  const entries = Object.entries(tags)
  if (entries.length > TAGS) {
    throw new ArmError(400, 'InvalidTagCount', `The number of tags is ${entries.length}; at most ${TAGS} are allowed.`)
  }
  for (const [name, value] of entries) {
    if (name === '' || name.length > NAME_CHARACTERS || /[<>%&\\?/]/.test(name)) {
      const message = `The tag name '${name}' is not valid: 1 to ${NAME_CHARACTERS} characters, none of < > % & \\ ? /.`
      throw new ArmError(400, 'InvalidTagName', message)
    }
    if (value.length > VALUE_CHARACTERS) {
      const message = `The value of tag '${name}' has ${value.length} characters; at most ${VALUE_CHARACTERS} are allowed.`
      throw new ArmError(400, 'InvalidTagValueLength', message)
    }
  }
}

function rendered({ id, tags = {} }: { id: string; tags?: Tags | undefined }) {
  return {
    id: `${id}/providers/Microsoft.Resources/tags/default`,
    name: 'default',
    type: 'Microsoft.Resources/tags',
    properties: { tags },
  }
}
