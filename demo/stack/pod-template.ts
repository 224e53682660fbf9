// The part of a Deployment that a kubelet acts on, parsed. What a chart of ours does not use is refused by name rather
// than passed over: a program must never run with less than what is rendered.
import { z } from 'zod'

const fieldRef = z.strictObject({ apiVersion: z.string().optional(), fieldPath: z.string() })
const keyRef = z.strictObject({ name: z.string(), key: z.string(), optional: z.boolean().default(false) })
const items = z.array(z.strictObject({ key: z.string(), path: z.string() })).optional()
const downwardItems = z.array(z.strictObject({ path: z.string(), fieldRef }))

const variable = z.strictObject({
  name: z.string(),
  value: z.string().optional(),
  valueFrom: z
    .strictObject({
      secretKeyRef: keyRef.optional(),
      configMapKeyRef: keyRef.optional(),
      fieldRef: fieldRef.optional(),
    })
    .optional(),
})

const source = z.strictObject({
  serviceAccountToken: z
    .strictObject({
      path: z.string(),
      audience: z.string().optional(),
      expirationSeconds: z.number().default(3600),
    })
    .optional(),
  configMap: z.strictObject({ name: z.string(), items, optional: z.boolean().default(false) }).optional(),
  secret: z.strictObject({ name: z.string(), items, optional: z.boolean().default(false) }).optional(),
  downwardAPI: z.strictObject({ items: downwardItems }).optional(),
})

const mode = z.number().optional()
const volume = z.strictObject({
  name: z.string(),
  projected: z.strictObject({ sources: z.array(source), defaultMode: mode }).optional(),
  configMap: z
    .strictObject({ name: z.string(), items, optional: z.boolean().default(false), defaultMode: mode })
    .optional(),
  secret: z
    .strictObject({ secretName: z.string(), items, optional: z.boolean().default(false), defaultMode: mode })
    .optional(),
  downwardAPI: z.strictObject({ items: downwardItems, defaultMode: mode }).optional(),
  emptyDir: z.looseObject({}).optional(),
})

const portReference = z.union([z.string(), z.number()])
const probe = z.looseObject({
  httpGet: z.strictObject({ path: z.string().default('/'), port: portReference }).optional(),
})

const container = z.looseObject({
  name: z.string(),
  command: z.array(z.string()).min(1, 'a local process needs a command: there is no image here to take it from'),
  args: z.array(z.string()).default([]),
  env: z.array(variable).default([]),
  envFrom: z.never('envFrom is not known here: write the variables out').optional(),
  ports: z.array(z.looseObject({ name: z.string().optional(), containerPort: z.number() })).default([]),
  volumeMounts: z
    .array(z.strictObject({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().optional() }))
    .default([]),
  readinessProbe: probe.optional(),
})

const deployment = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    replicas: z.number().default(1),
    template: z.looseObject({
      metadata: z.looseObject({
        labels: z.record(z.string(), z.string()).default({}),
        annotations: z.record(z.string(), z.string()).default({}),
      }),
      spec: z.looseObject({
        serviceAccountName: z.string().default('default'),
        terminationGracePeriodSeconds: z.number().default(30),
        initContainers: z.array(container).default([]),
        containers: z.array(container).length(1, 'one container a pod is what is known here'),
        volumes: z.array(volume).default([]),
      }),
    }),
  }),
})

export type Deployment = z.infer<typeof deployment>
export type Container = z.infer<typeof container>
export type Variable = z.infer<typeof variable>
export type Volume = z.infer<typeof volume>
export type VolumeSource = z.infer<typeof source>

/** Throws when it holds what is not known here, and names it. */
export function parseDeployment(object: { metadata: { name: string } }): Deployment {
  const parsed = deployment.safeParse(object)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`)
  throw new Error(`Deployment ${object.metadata.name} cannot be run as local processes:\n${faults.join('\n')}`)
}
