// A certificate authority of the simulator's own and a certificate for the loopback, since the SDKs send tokens over HTTPS
// alone.
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Tls {
  /** The path of the authority's certificate, for NODE_EXTRA_CA_CERTS. */
  caPath: string
  certificate: string
  privateKey: string
}

/** Takes what the directory holds, while it is valid and for this host, or fills it. */
export async function tlsIn(directory: string, host: string): Promise<Tls> {
  mkdirSync(directory, { recursive: true })
  const caPath = join(directory, 'ca.pem')
  const leafPath = join(directory, 'leaf.pem')
  const keyPath = join(directory, 'leaf-key.pem')
  const complete = [caPath, leafPath, keyPath].every(path => existsSync(path))
  if (!complete || !isFit(new X509Certificate(readFileSync(leafPath)), host)) {
    const { makeCertificates } = await import('./certificates.ts') // Half of a start is what it takes to load.
    const made = await makeCertificates(host)
    writeFileSync(caPath, made.ca)
    writeFileSync(leafPath, made.leaf)
    writeFileSync(keyPath, made.key, { mode: 0o600 })
  }
  return { caPath, certificate: readFileSync(leafPath, 'utf8'), privateKey: readFileSync(keyPath, 'utf8') }
}

function isFit(leaf: X509Certificate, host: string): boolean {
  const named = leaf.checkIP(host) ?? leaf.checkHost(host)
  return named !== undefined && Date.parse(leaf.validTo) > Date.now()
}
