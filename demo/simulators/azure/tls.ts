// A certificate authority of the simulator's own and a certificate for the loopback, since the SDKs send tokens over HTTPS
// alone.

import 'reflect-metadata'
import { webcrypto, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

export interface Tls {
  /** The path of the authority's certificate, for NODE_EXTRA_CA_CERTS. */
  caPath: string
  certificate: string
  privateKey: string
}

const VALID_DAYS = 30
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** Takes what the directory holds, while it is valid and for this host, or fills it. */
export async function tlsIn(directory: string, host: string): Promise<Tls> {
  mkdirSync(directory, { recursive: true })
  const caPath = join(directory, 'ca.pem')
  const leafPath = join(directory, 'leaf.pem')
  const keyPath = join(directory, 'leaf-key.pem')
  const complete = [caPath, leafPath, keyPath].every(path => existsSync(path))
  if (!complete || !isFit(new X509Certificate(readFileSync(leafPath)), host)) {
    const made = await make(host)
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

async function make(host: string): Promise<{ ca: string; leaf: string; key: string }> {
  x509.cryptoProvider.set(webcrypto)
  const notBefore = new Date(Date.now() - 3600_000)
  const notAfter = new Date(Date.now() + VALID_DAYS * 86_400_000)
  const caKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Azure simulator CA',
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  })
  const leafKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const addresses = [...new Set(['127.0.0.1', ...(/^[\d.]+$/.test(host) ? [host] : [])])]
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: '02',
    subject: 'CN=localhost',
    issuer: ca.subject,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    publicKey: leafKeys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        ...addresses.map(value => ({ type: 'ip' as const, value })),
      ]),
      // Whoever trusts several simulators finds this one's authority by its key: they all have one name.
      await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  })
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey)).toString('base64')
  const lines = key.match(/.{1,64}/g)?.join('\n') ?? ''
  return {
    ca: `${ca.toString('pem')}\n`,
    leaf: `${leaf.toString('pem')}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
  }
}
