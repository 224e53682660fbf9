// Network security groups and their rules. What they let through is not simulated.
import { ArmError, resourceNotFound } from './errors.ts'
import { sameId } from './ids.ts'
import { checkUnlocked, got, listed, networkId, removed, retagged, written } from './network.ts'
import { checkSameLocation, locationOf } from './resource-groups.ts'
import { type Call, page, type Reply, type Route } from './routes.ts'
import { type SecurityRule, securityGroupBody, securityRuleBody } from './shapes.ts'
import type { SecurityGroup, World } from './state.ts'
import { etag, find } from './state.ts'

const TYPE = 'networkSecurityGroups'

/** Inbound then outbound, as Azure makes them: https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#default-security-rules */
const defaultRules = [
  ['AllowVnetInBound', 65000, 'Inbound', 'Allow', 'VirtualNetwork', 'VirtualNetwork'],
  ['AllowAzureLoadBalancerInBound', 65001, 'Inbound', 'Allow', 'AzureLoadBalancer', '*'],
  ['DenyAllInBound', 65500, 'Inbound', 'Deny', '*', '*'],
  ['AllowVnetOutBound', 65000, 'Outbound', 'Allow', 'VirtualNetwork', 'VirtualNetwork'],
  ['AllowInternetOutBound', 65001, 'Outbound', 'Allow', '*', 'Internet'],
  ['DenyAllOutBound', 65500, 'Outbound', 'Deny', '*', '*'],
] as const

export function renderSecurityGroup(world: World, group: SecurityGroup) {
  const interfaces = world.networkInterfaces.by('securityGroup', group.id)
  return {
    name: group.name,
    id: group.id,
    etag: `W/${etag(group)}`,
    type: `Microsoft.Network/${TYPE}`,
    location: group.location,
    ...(group.tags === undefined ? {} : { tags: group.tags }),
    properties: {
      provisioningState: group.provisioningState,
      resourceGuid: group.resourceGuid,
      securityRules: group.rules.map(rule => renderRule(group, rule)),
      defaultSecurityRules: defaultRules.map(([name, priority, direction, access, source, destination]) => ({
        name,
        id: `${group.id}/defaultSecurityRules/${name}`,
        etag: `W/${etag(group)}`,
        type: `Microsoft.Network/${TYPE}/defaultSecurityRules`,
        properties: {
          provisioningState: 'Succeeded',
          protocol: '*',
          sourcePortRange: '*',
          destinationPortRange: '*',
          sourceAddressPrefix: source,
          destinationAddressPrefix: destination,
          access,
          priority,
          direction,
        },
      })),
      ...(interfaces.length === 0 ? {} : { networkInterfaces: interfaces.map(({ id }) => ({ id })) }),
    },
  }
}

function renderRule(group: SecurityGroup, rule: SecurityRule) {
  return {
    name: rule.name,
    id: `${group.id}/securityRules/${rule.name}`,
    etag: `W/${etag(group)}`,
    type: `Microsoft.Network/${TYPE}/securityRules`,
    properties: { ...rule.properties, provisioningState: group.provisioningState },
  }
}

export function newSecurityGroup(world: World, what: { id: string; name: string; location: string }): SecurityGroup {
  return world.securityGroups.add({
    ...what,
    tags: undefined,
    revision: 0,
    provisioningState: 'Succeeded',
    operationId: undefined,
    rules: [],
    resourceGuid: world.random.uuid(),
  })
}

function put(world: World, call: Call): Reply {
  const name = call.params.name ?? ''
  const id = networkId(world, call, TYPE, name)
  const body = securityGroupBody.parse(call.body)
  const location = locationOf(body.location, `Microsoft.Network/${TYPE}`)
  const existing = find(world.securityGroups, id)
  checkSameLocation(existing, location, call.params.resourceGroupName ?? '')
  checkUnlocked(world, existing)
  const rules = body.properties?.securityRules ?? []
  checkRules(rules)
  const group = existing ?? newSecurityGroup(world, { id, name, location })
  group.tags = body.tags
  group.rules = rules
  return change(world, call, group, existing === undefined)
}

function change(world: World, call: Call, group: SecurityGroup, isNew: boolean): Reply {
  const render = (one: SecurityGroup) => renderSecurityGroup(world, one)
  return written(world, call, { resource: group, isNew, delay: 'network', render })
}

function checkRules(rules: readonly SecurityRule[]): void {
  const seen = new Map<string, string>()
  for (const { name = '', properties } of rules) {
    const { priority, direction, access, protocol } = properties ?? {}
    if (priority === undefined || direction === undefined || access === undefined || protocol === undefined) {
      const message = `Security rule ${name} lacks one of priority, direction, access, protocol.`
      throw new ArmError(400, 'SecurityRuleMissingProperty', message)
    }
    if (priority < 100 || priority > 4096) {
      const message = `Security rule has invalid Priority. Value provided: ${priority} Allowed range 100-4096.`
      throw new ArmError(400, 'SecurityRuleInvalidPriority', message)
    }
    const place = `${priority} ${direction}`
    const other = seen.get(place)
    if (other !== undefined) {
      const message = `Security rule ${name} conflicts with rule ${other}. Rules cannot have the same Priority and Direction.`
      throw new ArmError(400, 'SecurityRuleConflict', message)
    }
    seen.set(place, name)
  }
}

function remove(world: World, call: Call): Reply {
  return removed(world, call, {
    table: world.securityGroups,
    id: networkId(world, call, TYPE, call.params.name ?? ''),
    check: group => {
      const users = world.networkInterfaces.by('securityGroup', group.id)
      if (users.length === 0) return
      const list = users.map(nic => nic.id).join(', ')
      const message = `Network security group ${group.id} cannot be deleted because it is in use by the following resources: ${list}. In order to delete the Network security group, remove the association with the resource(s).`
      throw new ArmError(400, 'InUseNetworkSecurityGroupCannotBeDeleted', message)
    },
  })
}

function groupOfRule(world: World, call: Call): SecurityGroup {
  const name = call.params.name ?? ''
  const group = find(world.securityGroups, networkId(world, call, TYPE, name))
  if (group === undefined)
    throw resourceNotFound(`Microsoft.Network/${TYPE}`, name, call.params.resourceGroupName ?? '')
  return group
}

function putRule(world: World, call: Call): Reply {
  const group = groupOfRule(world, call)
  checkUnlocked(world, group)
  const name = call.params.ruleName ?? ''
  const rule = { ...securityRuleBody.parse(call.body), name }
  const others = group.rules.filter(one => !sameId(one.name, name))
  checkRules([...others, rule])
  const isNew = others.length === group.rules.length
  group.rules = [...others, rule]
  return { ...change(world, call, group, isNew), body: renderRule(group, rule) }
}

function removeRule(world: World, call: Call): Reply {
  const group = groupOfRule(world, call)
  checkUnlocked(world, group)
  const others = group.rules.filter(one => !sameId(one.name, call.params.ruleName))
  if (others.length === group.rules.length) return { status: 204 }
  group.rules = others
  const { headers = {} } = change(world, call, group, false)
  return { status: 202, headers }
}

function getRule(world: World, call: Call): Reply {
  const group = groupOfRule(world, call)
  const rule = group.rules.find(one => sameId(one.name, call.params.ruleName))
  if (rule !== undefined) return { status: 200, body: renderRule(group, rule) }
  throw new ArmError(404, 'NotFound', `Resource ${group.id}/securityRules/${call.params.ruleName} not found.`)
}

const all = '/subscriptions/{subscriptionId}/providers/Microsoft.Network/networkSecurityGroups'
const inGroup =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Network/networkSecurityGroups'
const one = `${inGroup}/{name}`
const reading = (world: World) => ({
  table: world.securityGroups,
  type: TYPE,
  render: (group: SecurityGroup) => renderSecurityGroup(world, group),
})
const common = { kind: TYPE, library: 'network' } as const
const ofRules = { kind: `${TYPE}/securityRules`, library: 'network' } as const

export const securityGroupRoutes: readonly Route[] = [
  { ...common, method: 'PUT', path: one, request: 'NetworkSecurityGroup', reply: 'NetworkSecurityGroup', handle: put },
  { ...common, method: 'DELETE', path: one, handle: remove },
  {
    ...common,
    method: 'GET',
    path: one,
    reply: 'NetworkSecurityGroup',
    handle: (world, call) => got(world, call, reading(world)),
  },
  {
    ...common,
    method: 'PATCH',
    path: one,
    request: 'TagsObject',
    reply: 'NetworkSecurityGroup',
    handle: (world, call) => retagged(world, call, reading(world)),
  },
  {
    ...common,
    method: 'GET',
    path: inGroup,
    lists: true,
    reply: 'NetworkSecurityGroupListResult',
    handle: (world, call) => listed(world, call, reading(world)),
  },
  {
    ...common,
    method: 'GET',
    path: all,
    lists: true,
    reply: 'NetworkSecurityGroupListResult',
    handle: (world, call) => listed(world, call, reading(world)),
  },
  {
    ...ofRules,
    method: 'PUT',
    path: `${one}/securityRules/{ruleName}`,
    request: 'SecurityRule',
    reply: 'SecurityRule',
    handle: putRule,
  },
  { ...ofRules, method: 'GET', path: `${one}/securityRules/{ruleName}`, reply: 'SecurityRule', handle: getRule },
  { ...ofRules, method: 'DELETE', path: `${one}/securityRules/{ruleName}`, handle: removeRule },
  {
    ...ofRules,
    method: 'GET',
    path: `${one}/securityRules`,
    lists: true,
    reply: 'SecurityRuleListResult',
    handle: (world, call) => {
      const group = groupOfRule(world, call)
      return page(world, call, group.rules, rule => renderRule(group, rule))
    },
  },
]
