// The roles of both programs against what the API server's audit log has seen of them: nothing asked for that is not
// granted, nothing granted that is not used.
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Theatre } from './theatre.ts'

/** Granted, and rightly never seen in an evening. By role, resource with its group, and verb. */
const unseen: Record<string, string> = {
  'wasd-wasd-operator gamesessions.wasd.cloud/finalizers update':
    'Asked for inside the server, where OwnerReferencesPermissionEnforcement is on: a machine blocks its owner.',
  'wasd-wasd-operator gpuvms.wasd.cloud/finalizers update': 'The same, for the bootstrap Secret of a machine.',
  'wasd-operator-lease events.events.k8s.io create': 'Told of its own pod when a catalogue cannot be used.',
  'wasd-operator-lease events.events.k8s.io patch': 'The same, told again.',
  'wasd-api gamesessions.wasd.cloud create': 'Asked for inside the server, when an apply makes the object.',
}

const rule = z.looseObject({
  apiGroups: z.array(z.string()),
  resources: z.array(z.string()),
  verbs: z.array(z.string()),
})
const named = z.looseObject({ name: z.string() })
const role = z.looseObject({ kind: z.enum(['Role', 'ClusterRole']), metadata: named, rules: z.array(rule) })
const audited = z.looseObject({
  verb: z.string(),
  userAgent: z.string().default(''),
  user: z.looseObject({ username: z.string() }),
  objectRef: z
    .looseObject({ apiGroup: z.string().default(''), resource: z.string(), subresource: z.string().optional() })
    .optional(),
  annotations: z.record(z.string(), z.string()).default({}),
})

/** As kubectl names a resource: `gpuvms.wasd.cloud/status`, and one of the core group by itself. */
function nameOf(group: string, resource: string): string {
  const [plural, ...subresource] = resource.split('/')
  return [group === '' ? plural : `${plural}.${group}`, ...subresource].join('/')
}

export function rolesAreExact(theatre: () => Theatre): void {
  /** What our programs asked: by decision, and by the role that let it through. */
  async function asked() {
    const { stack } = theatre().stage
    const lines = (await readFile(stack.cluster.auditLog, 'utf8')).split('\n').filter(line => line.endsWith('}'))
    return lines.flatMap(line => {
      const event = audited.parse(JSON.parse(line))
      const isOurs = Object.values(stack.users).includes(event.user.username) && event.userAgent.startsWith('wasd-')
      if (!isOurs || !event.objectRef) return []
      const { apiGroup, resource, subresource } = event.objectRef
      const by = /of (?:Cluster)?Role "([^"]+)"/.exec(event.annotations['authorization.k8s.io/reason'] ?? '')?.[1]
      const what = `${nameOf(apiGroup, subresource === undefined ? resource : `${resource}/${subresource}`)} ${event.verb}`
      return [{ what: `${by} ${what}`, isForbidden: event.annotations['authorization.k8s.io/decision'] === 'forbid' }]
    })
  }

  test('what the programs ask for is granted, and what is granted they use', async () => {
    const entries = await asked()
    expect(entries.length).toBeGreaterThan(100)
    expect(entries.filter(({ isForbidden }) => isForbidden)).toEqual([])

    const roles = theatre().stage.stack.release.objects.flatMap(object => role.safeParse(object).data ?? [])
    const granted = roles.flatMap(({ metadata, rules }) =>
      rules.flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap(group =>
          resources.flatMap(resource => verbs.map(verb => `${metadata.name} ${nameOf(group, resource)} ${verb}`)),
        ),
      ),
    )
    expect(granted.length).toBeGreaterThan(20)
    const used = new Set(entries.map(({ what }) => what))
    expect(granted.filter(grant => !used.has(grant)).sort()).toEqual(Object.keys(unseen).sort())
  })
}
