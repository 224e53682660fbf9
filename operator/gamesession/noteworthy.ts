// Whether a status is worth a write. On the way to the first play, the machine's UID and address are not: they wait for
// the next word that is.
import { isDeepStrictEqual } from 'node:util'
import type { GameSessionStatus } from '../../crds/types/gamesession.ts'

export function isNoteworthy(old: GameSessionStatus | undefined, next: GameSessionStatus): boolean {
  if (old === undefined) return true
  return !isDeepStrictEqual(toldOn(old), toldOn(next))
}

function toldOn(status: GameSessionStatus): GameSessionStatus {
  if (status.phase !== 'Provisioning' || status.vm === undefined) return status
  const { endpoint: _later, vm, ...told } = status
  return { ...told, vm: { name: vm.name } }
}
