// An object as the server has it before anybody has looked at it.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

const defaultStatus = z.looseObject({ phase: z.literal('Pending') })

/** The status that the server gives it, by the schema. */
export function unseenStatus(plural: 'gpuvms' | 'gamesessions') {
  const file = resolve(import.meta.dirname, `../crds/wasd.cloud_${plural}.yaml`)
  const { openAPIV3Schema } = parse(readFileSync(file, 'utf8')).spec.versions[0].schema
  return defaultStatus.parse(openAPIV3Schema.properties.status.default)
}
