// The certificates of one cluster: its authority, the API server's own, and those that people and programs present.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto)

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MILLISECONDS = 86_400_000

export interface KeyPair {
  certificate: string
  key: string
}

export interface Authority {
  certificate: string
  /** For a server reached by these names and addresses. */
  server(names: { dns: string[]; ip: string[] }): Promise<KeyPair>
  /** For a client; the API server takes the common name for the user and the organizations for the groups. */
  client(user: string, groups: string[]): Promise<KeyPair>
}

export async function certificateAuthority(name: string, now: Date): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const validity = {
    notBefore: new Date(now.getTime() - DAY_MILLISECONDS),
    notAfter: new Date(now.getTime() + 30 * DAY_MILLISECONDS),
  }
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })

  async function issue(subject: string, extensions: x509.Extension[]): Promise<KeyPair> {
    const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity,
      subject,
      issuer: root.subject,
      publicKey: pair.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ...extensions,
      ],
    })
    const key = await crypto.subtle.exportKey('pkcs8', pair.privateKey)
    return { certificate: certificate.toString('pem'), key: x509.PemConverter.encode(key, 'PRIVATE KEY') }
  }

  return {
    certificate: root.toString('pem'),
    server: async ({ dns, ip }) =>
      await issue(`CN=${dns[0] ?? ip[0] ?? 'server'}`, [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          ...dns.map(value => ({ type: 'dns' as const, value })),
          ...ip.map(value => ({ type: 'ip' as const, value })),
        ]),
      ]),
    client: async (user, groups) =>
      await issue([`CN=${user}`, ...groups.map(group => `O=${group}`)].join(', '), [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      ]),
  }
}
