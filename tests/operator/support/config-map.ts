// The catalogue as a file in a mounted ConfigMap, which a test changes as a kubelet does.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { swap } from '../../../demo/stack/pod-volumes.ts'

export const sample = readFileSync(join(import.meta.dirname, '../../../manifests/catalogue.yaml'), 'utf8')
export const BROKEN = sample.replace('pricePaisePerHour: 9000', 'pricePaisePerHour: ninety')

/** A mounted ConfigMap with the sample in it. */
export function mounted(onTestFinished: (end: () => void) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'catalogue-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const put = (text: string) => swap(folder, [['catalogue.yaml', Buffer.from(text)]])
  put(sample)
  return { path: join(folder, 'catalogue.yaml'), put, remove: () => rmSync(join(folder, '..data')) }
}
