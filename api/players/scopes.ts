// What may be asked for. A player may do all of it for themselves; a service what its token names.
export const SCOPES = [
  'me:read',
  'me:write',
  'wallet:read',
  'payments:read',
  'payments:write',
  'sessions:read',
  'sessions:write',
] as const
export type Scope = (typeof SCOPES)[number]

export function isScope(word: string): word is Scope {
  return SCOPES.some(scope => scope === word)
}
