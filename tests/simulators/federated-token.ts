/** A token as a projected service account's: the simulator reads its claims and checks no signature. */
export function federatedToken(claims: Record<string, unknown> = {}): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const usual = {
    aud: ['api://AzureADTokenExchange'],
    exp: Math.floor(Date.now() / 1000) + 3600,
    sub: 'system:serviceaccount:a:b',
  }
  return `${part({ alg: 'RS256' })}.${part({ ...usual, ...claims })}.c2lnbmF0dXJl`
}
