// Evenings and both resources on the whole stack, which all suites share: starting it takes longer than most of them. Their
// order is part of it: what was written and asked on the way is judged at the end.
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { eveningsArePlayed } from '../evening/evening.suite.ts'
import { cascadesRunToTheirEnd } from './cascades.suite.ts'
import { eveningIsPlayed } from './evening.suite.ts'
import { healthIsJudged } from './health.suite.ts'
import { kubectlTells } from './kubectl.suite.ts'
import { policyKeepsTheApi } from './policy.suite.ts'
import { rolesAreExact } from './roles.suite.ts'
import { openTheatre, type Theatre } from './theatre.ts'

let open: Theatre | undefined

beforeAll(async () => {
  open = await openTheatre()
})
afterAll(async () => await open?.stop())
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => console.error(await open?.stage.account()))
})

function theatre(): Theatre {
  if (open === undefined) throw new Error('The stack has not started.')
  return open
}

describe('evenings', () => eveningsArePlayed(() => theatre().stage))
// In the namespace of the release one after the other; the cluster's own controllers take their time in theirs meanwhile.
describe.concurrent('the release', () => {
  describe('an evening', { concurrent: false }, () => eveningIsPlayed(theatre))
  describe('by kubectl', { concurrent: false }, () => kubectlTells(theatre))
  describe('the policy', { concurrent: false }, () => policyKeepsTheApi(theatre))
})
describe.concurrent('the cluster', () => cascadesRunToTheirEnd(theatre))
describe('the health', () => healthIsJudged(theatre))
describe('the roles', () => rolesAreExact(theatre))
