// Why this place, and why not the others: in a few sentences for a person.
import { type Candidate, describePlace, type Ranking, type RuledOut, usd } from './rank.ts'

/** Places that are told of at most, of each kind. */
const TOLD_PLACES = 3
/** An Event's note holds no more: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
export const NOTE_CHARACTERS = 1024

/** `ranking.candidates` begins with the place that is taken. */
export function explainPlacement({ candidates, ruledOut }: Ranking): string {
  const [taken, ...others] = candidates
  if (taken === undefined) return ''
  const next = others.slice(0, TOLD_PLACES).map(other => `${priced(other)} (${whyBehind(taken, other)})`)
  const words = [
    `${priced(taken)} is asked for.`,
    ...(next.length > 0 ? [`Next would be ${next.join(', ')}.`] : []),
    ...inWords(ruledOut),
  ]
  return cut(words.join(' '))
}

/** Each sentence once: a limit holds for many places in the same words. */
export function inWords(ruledOut: readonly Pick<RuledOut, 'message'>[]): string[] {
  const words = [...new Set(ruledOut.map(({ message }) => message))]
  const more = words.length - TOLD_PLACES
  return [
    ...words.slice(0, TOLD_PLACES),
    ...(more > 0 ? [`So it is with ${more} ${more === 1 ? 'place' : 'places'} more.`] : []),
  ]
}

function priced(candidate: Candidate): string {
  const { hourlyPriceUsd: price, expectedPriceUsd: expected } = candidate
  if (price === undefined) return `${describePlace(candidate)} at a price not known yet`
  const withEvictions =
    expected === undefined || usd(expected) === usd(price) ? '' : ` (${usd(expected)} with likely evictions)`
  return `${describePlace(candidate)} at ${usd(price)} USD per hour${withEvictions}`
}

function whyBehind(taken: Candidate, other: Candidate): string {
  if (other.priority !== taken.priority) return taken.priority === 'Spot' ? 'spot goes first' : 'on-demand goes first'
  if (other.region !== taken.region) return `the session names ${taken.region} first`
  const isOtherZone = other.size === taken.size && other.zone !== taken.zone
  if (isOtherZone && other.expectedPriceUsd === taken.expectedPriceUsd) return 'the catalogue names its zone later'
  if (other.expectedPriceUsd === undefined && taken.expectedPriceUsd !== undefined) return 'its price is not known'
  return other.expectedPriceUsd === taken.expectedPriceUsd ? 'the catalogue names it later' : 'it is dearer'
}

function cut(text: string): string {
  return text.length <= NOTE_CHARACTERS ? text : `${text.slice(0, NOTE_CHARACTERS - 1)}…`
}
