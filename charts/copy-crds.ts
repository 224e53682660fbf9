// Copies the CRDs into the chart: helm can only package what lies within. `--check` fails when a copy is stale.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const source = resolve(import.meta.dirname, '../crds')
const target = resolve(import.meta.dirname, 'wasd-cloud/files/crds')
const check = process.argv.includes('--check')

mkdirSync(target, { recursive: true })
const wanted = readdirSync(source).filter(file => file.endsWith('.yaml'))
const stale = wanted.filter(file => {
  const text = readFileSync(join(source, file), 'utf8')
  if (check) return !readdirSync(target).includes(file) || readFileSync(join(target, file), 'utf8') !== text
  writeFileSync(join(target, file), text)
  return false
})
for (const file of stale) console.error(`charts/wasd-cloud/files/crds/${file} is stale. Run \`npm run generate\` and commit what it writes.`)
process.exitCode = stale.length > 0 ? 1 : 0
