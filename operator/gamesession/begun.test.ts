import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { isNew } from './controller.ts'
import { sessionOf } from './sights.fixture.ts'

test('a session is new until somebody has looked at it, whatever status the schema gives it; one that is to go never is', () => {
  const file = resolve(import.meta.dirname, '../../crds/wasd.cloud_gamesessions.yaml')
  const { openAPIV3Schema } = parse(readFileSync(file, 'utf8')).spec.versions[0].schema
  const { default: status } = openAPIV3Schema.properties.status
  expect(status).toMatchObject({ phase: 'Pending' })
  const unseen = { status, metadata: { finalizers: [] } }
  expect(isNew(sessionOf(unseen))).toBe(true)
  expect(isNew(sessionOf({ status }))).toBe(false) // Taken on.
  expect(isNew(sessionOf({ ...unseen, status: { ...status, observedGeneration: 1 } }))).toBe(false)
  const deletionTimestamp = '2026-01-01T00:00:00Z'
  expect(isNew(sessionOf({ ...unseen, metadata: { finalizers: [], deletionTimestamp } }))).toBe(false)
})
