// Limits in the operator's configuration: how many machines may run, what they may cost, how many of them on-demand;
// in all, by namespace and by region. Who would pass one waits, and says which. A rescue waits for none of them: a game
// that is cut off costs more than a machine above a limit, and what it takes then counts against the others.
import { z } from 'zod'

const REGION = /^[a-z0-9]{1,20}$/
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

const limits = z.strictObject({
  machines: z.int().min(0).max(1_000_000).optional().describe('Machines that are meant to run.'),
  hourlyPriceUsd: z.number().min(0).max(1_000_000).optional().describe('The sum of what they cost, by the price list.'),
  onDemandShare: z.number().min(0).max(1).optional().describe('The share of them that may be on-demand, rounded up.'),
})
export type Limits = z.infer<typeof limits>

const configured = limits.extend({
  namespaces: z.record(z.string().regex(NAMESPACE, 'the name of a namespace is expected'), limits).default({}),
  regions: z.record(z.string().regex(REGION, "an Azure region's short name is expected"), limits).default({}),
})
export type ConfiguredLimits = z.infer<typeof configured>

export const NO_LIMITS: ConfiguredLimits = { namespaces: {}, regions: {} }

/** For the environment: JSON of the chart's `operator.limits`. */
export const limitsSetting = z
  .string()
  .transform((text, context) => {
    try {
      return configured.parse(JSON.parse(text))
    } catch (error) {
      const wrong = error instanceof z.ZodError ? error.issues.map(told).join('; ') : 'it is no JSON'
      context.addIssue({ code: 'custom', message: wrong })
      return z.NEVER
    }
  })
  .describe('JSON: machines, hourlyPriceUsd and onDemandShare, and the same under namespaces and regions by name')

function told(issue: z.core.$ZodIssue): string {
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message
  return `${issue.path.join('.') || '(top)'}: ${message}`
}

/** What stands within one scope. */
export interface Standing {
  machines: number
  onDemand: number
  hourlyPriceUsd: number
}

export interface Scope {
  /** For a person: `in namespace play`; `in all` for the whole. */
  where: string
  limits: Limits
  key: string
}

/** The scopes that something in this namespace and region falls under and that have limits. */
export function scopesOf(at: { namespace: string; region: string }, { namespaces, regions, ...all }: ConfiguredLimits) {
  const scopes: (Omit<Scope, 'limits'> & { limits: Limits | undefined })[] = [
    { where: 'in all', key: '', limits: all },
    { where: `in namespace ${at.namespace}`, key: `namespace/${at.namespace}`, limits: namespaces[at.namespace] },
    { where: `in region ${at.region}`, key: `region/${at.region}`, limits: regions[at.region] },
  ]
  return scopes.flatMap(scope => {
    const isSet = scope.limits !== undefined && Object.values(scope.limits).some(limit => limit !== undefined)
    return scope.limits !== undefined && isSet ? [{ ...scope, limits: scope.limits }] : []
  })
}

/** One machine more. */
export interface Addition {
  onDemand: boolean
  /** `undefined` where it is not known. */
  hourlyPriceUsd: number | undefined
}

/** The limit that one more would pass, for a person, with what stands and what is permitted. */
export function limitPassed(scope: Scope, standing: Standing, added: Addition): string | undefined {
  const { where, limits } = scope
  const { machines, onDemand, hourlyPriceUsd } = standing
  if (limits.machines !== undefined && machines + 1 > limits.machines) {
    return `The limit of machines ${where} is reached: ${machines} of at most ${limits.machines} stand.`
  }
  if (limits.hourlyPriceUsd !== undefined && added.hourlyPriceUsd === undefined) {
    return `The limit of the price per hour ${where} (${limits.hourlyPriceUsd} USD) lets in no machine whose price is not known.`
  }
  const sum = round(hourlyPriceUsd + (added.hourlyPriceUsd ?? 0))
  if (limits.hourlyPriceUsd !== undefined && sum > limits.hourlyPriceUsd) {
    return `The limit of the price per hour ${where} is reached: what stands costs ${round(hourlyPriceUsd)} USD, with this one it would be ${sum}, and at most ${limits.hourlyPriceUsd} is permitted.`
  }
  if (limits.onDemandShare === undefined || !added.onDemand) return undefined
  const permitted = Math.ceil(round(limits.onDemandShare * (machines + 1)))
  if (onDemand + 1 <= permitted) return undefined
  return `The limit of the on-demand share ${where} is reached: ${onDemand} of ${machines} machines ${onDemand === 1 ? 'is' : 'are'} on-demand, and of ${machines + 1} at most ${permitted} may be, a share of ${limits.onDemandShare}.`
}

/** Sums of decimal prices, without the dust of binary fractions. */
function round(usd: number): number {
  return Number(usd.toFixed(5))
}
