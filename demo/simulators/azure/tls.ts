// A certificate authority of the simulator's own and a certificate for the loopback, since the SDKs send tokens over HTTPS
// alone.
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificates } from './certificates.ts'

export interface Tls {
  /** The path of the authority's certificate, for NODE_EXTRA_CA_CERTS. */
  caPath: string
  certificate: string
  privateKey: string
}

/** Takes what the directory holds, while it is valid and for this host, or fills it. */
export async function tlsIn(directory: string, host: string): Promise<Tls> {
  mkdirSync(directory, { recursive: true })
  const { caPath, leafPath, keyPath } = pathsIn(directory)
  const complete = [caPath, leafPath, keyPath].every(path => existsSync(path))
  if (!complete || !isFit(new X509Certificate(readFileSync(leafPath)), host)) {
    const { makeCertificates } = await import('./certificates.ts') // Half of a start is what it takes to load.
    keepIn(directory, await makeCertificates(host))
  }
  return { caPath, certificate: readFileSync(leafPath, 'utf8'), privateKey: readFileSync(keyPath, 'utf8') }
}

/** Where `tlsIn` will take them from. */
export function keepIn(directory: string, { ca, leaf, key }: Certificates): void {
  const { caPath, leafPath, keyPath } = pathsIn(directory)
  writeFileSync(caPath, ca)
  writeFileSync(leafPath, leaf)
  writeFileSync(keyPath, key, { mode: 0o600 })
}

function pathsIn(directory: string) {
  const path = (name: string) => join(directory, name)
  return { caPath: path('ca.pem'), leafPath: path('leaf.pem'), keyPath: path('leaf-key.pem') }
}

function isFit(leaf: X509Certificate, host: string): boolean {
  const named = leaf.checkIP(host) ?? leaf.checkHost(host)
  return named !== undefined && Date.parse(leaf.validTo) > Date.now()
}
