// Every bound and every rule of both CRDs, tried on the real API server: what is on this side of it is accepted, what is
// on that side is refused with the path, the value and what is permitted. That the server takes the CRDs at all shows that
// their rules stay within its limits on what CEL may cost.
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { AdminApi } from '../../demo/cluster/admin-api.ts'
import { examples } from './examples.ts'
import { placeRules, valueRules } from './rules.ts'
import { allFields, type Field, kinds, pluralOf, valueAt } from './schema.ts'
import { type Trial, trialsOf } from './trials.ts'

const fields = allFields()
/** An object of each kind whose status is tried. */
const STANDING = 'standing'
/** Trials that are under way together: one after the other most of their time is the way there and back. */
const TOGETHER = 16

function pathOf(kind: Field['kind'], name?: string): string {
  const all = `/apis/wasd.cloud/v1alpha1/namespaces/default/${pluralOf[kind]}`
  return name === undefined ? all : `${all}/${name}`
}

const shape = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string().optional() }) })
const refusal = z.looseObject({ message: z.string() })

/** On a server that serves both kinds, and where nobody looks at the namespace `default`. */
export function boundsHold(api: () => AdminApi): void {
  const standing = new Map<Field['kind'], object>()
  let changes = 0
  beforeAll(async () => {
    for (const kind of kinds) {
      const made = await api().call('POST', pathOf(kind), { ...examples[kind], metadata: { name: STANDING } })
      standing.set(kind, shape.parse(made).metadata)
    }
  })

  /** What is wrong with the server's answer; `undefined` when it is as it should be. */
  async function failureOf({
    kind,
    name,
    before,
    object,
    isStatus,
    refusal: expected,
  }: Trial): Promise<string | undefined> {
    const { status, body } = await answerTo({ kind, before, object, isStatus })
    if (expected === undefined) return status < 300 ? undefined : `${name}: ${JSON.stringify(body)}`
    if (status !== 422) return `${name}: was answered by ${status}`
    const { message } = refusal.parse(body)
    const missing = expected.filter(words => !message.includes(words))
    return missing.length === 0 ? undefined : `${name}: does not say ${missing.join(' … ')}\n  but ${message}`
  }

  /** Nothing is written but what a change starts from. */
  async function answerTo({ kind, before, object, isStatus }: Pick<Trial, 'kind' | 'before' | 'object' | 'isStatus'>) {
    const asked = api()
    const strictly = '?dryRun=All&fieldValidation=Strict'
    if (isStatus) {
      const path = `${pathOf(kind, STANDING)}/status${strictly}`
      return await asked.answer('PUT', path, { ...object, metadata: standing.get(kind) })
    }
    if (before === undefined) return await asked.answer('POST', `${pathOf(kind)}${strictly}`, object)

    changes += 1
    const name = `change-${changes}`
    const { metadata } = shape.parse(await asked.call('POST', pathOf(kind), { ...before, metadata: { name } }))
    const reply = await asked.answer('PUT', `${pathOf(kind, name)}${strictly}`, { ...object, metadata })
    await asked.call('DELETE', pathOf(kind, name))
    return reply
  }

  test('the examples hold every field that the schemas know, and are accepted whole', async () => {
    const absent = fields.filter(({ kind, way }) => way.length > 0 && valueAt(examples[kind], way) === undefined)
    expect(absent.map(({ kind, path }) => `${kind} ${path}`)).toEqual([])
    for (const kind of kinds) {
      for (const isStatus of [false, true]) {
        expect(await answerTo({ kind, object: examples[kind], isStatus })).toMatchObject({
          status: isStatus ? 200 : 201,
        })
      }
    }
  })

  test('every rule has cases on both sides, and every case a rule', () => {
    const rules = fields.flatMap(({ kind, path, schema }) =>
      (schema['x-kubernetes-validations'] ?? []).map(({ rule }) =>
        rule in valueRules ? rule : `${kind} ${path}: ${rule}`,
      ),
    )
    expect([...new Set(rules)].sort()).toEqual([...Object.keys(valueRules), ...Object.keys(placeRules)].sort())
    for (const { accepted, refused } of [...Object.values(valueRules), ...Object.values(placeRules)]) {
      expect(Math.min(accepted.length, refused.length)).toBeGreaterThan(0)
    }
  })

  test.each(kinds)(
    'I8: %s: every bound and rule refuses by path, value and what is permitted, and lets the rest in',
    async kind => {
      const trials = fields.filter(field => field.kind === kind).flatMap(trialsOf)
      expect(trials.length).toBeGreaterThan(fields.filter(field => field.kind === kind).length)
      const failures: (string | undefined)[] = []
      for (let at = 0; at < trials.length; at += TOGETHER)
        failures.push(...(await Promise.all(trials.slice(at, at + TOGETHER).map(failureOf))))
      expect(failures.filter(failure => failure !== undefined)).toEqual([])
    },
  )

  test('I8: a field that there is not is refused by its path', async () => {
    for (const kind of kinds) {
      for (const part of ['spec', 'status']) {
        const object = { ...examples[kind], [part]: { ...Object(valueAt(examples[kind], [part])), sise: 1 } }
        const { status, body } = await answerTo({ kind, object, isStatus: part === 'status' })
        expect({ status, body }).toMatchObject({
          status: 400,
          body: { message: expect.stringContaining(`unknown field "${part}.sise"`) },
        })
      }
    }
  })

  test('what is left out gets the default that the schema states', async () => {
    const required = fields.filter(({ schema }) => schema.required)
    for (const kind of kinds) {
      const names = required.find(field => field.kind === kind && field.path === 'spec')?.schema.required ?? []
      const spec = Object.fromEntries(names.map(name => [name, valueAt(examples[kind], ['spec', name])]))
      const { body } = await answerTo({ kind, object: { ...examples[kind], spec }, isStatus: false })
      const defaults = fields.filter(
        field => field.kind === kind && field.schema.type !== 'object' && !field.path.includes('[0]'),
      )
      for (const { path, way, schema } of defaults) {
        if (way[0] === 'spec' && schema.default !== undefined)
          expect([path, valueAt(body, way)]).toEqual([path, schema.default])
      }
    }
  })

  test('every field is described', () => {
    expect(fields.flatMap(({ kind, path, schema }) => (schema.description ? [] : [`${kind} ${path}`]))).toEqual([])
  })
}
