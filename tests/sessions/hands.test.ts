// The player's word and an SRE's, by kubectl, on one session: neither is fought, and neither is undone by the other.
import { expect, test } from 'vitest'
import type { Player } from '../../api/players/players.ts'
import { pause, resume, stop } from '../../api/sessions/commands.ts'
import { objectNameOf, type Session } from '../../api/sessions/session.ts'
import { PAUSE_ANNOTATION, wishedState } from '../../crds/wished.ts'
import { ownersOf } from '../owners.ts'
import { onStage, type Stage } from './stage.ts'

let stage: Stage
let player: Player

onStage((opened, funded) => {
  stage = opened
  player = funded
})

type State = 'Running' | 'Paused'

/** How an SRE sets the field, by kubectl; and who owns it once it was set to run again. */
const hands = [
  {
    by: 'kubectl patch',
    sets: (name: string, state: State) =>
      stage.kubectl(['patch', 'gs', name, '--type', 'merge', '-p', JSON.stringify({ spec: { desiredState: state } })]),
    owners: ['kubectl-patch'],
  },
  {
    by: 'kubectl edit',
    sets: (name: string, state: State) =>
      stage.kubectl(['edit', 'gs', name], { editor: `sed -i 's/desiredState: .*/desiredState: ${state}/'` }),
    owners: ['kubectl-edit'],
  },
  {
    by: 'kubectl apply --server-side',
    sets: (name: string, state: State) => appliedByKubectl(name, { desiredState: state }),
    owners: ['kubectl'],
  },
  {
    by: 'kubectl apply --server-side, which leaves it out to let go of it',
    sets: (name: string, state: State) => appliedByKubectl(name, state === 'Paused' ? { desiredState: state } : {}),
    owners: [],
  },
]

async function appliedByKubectl(name: string, spec: object): Promise<void> {
  const object = { apiVersion: 'wasd.cloud/v1alpha1', kind: 'GameSession', metadata: { name }, spec }
  await stage.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input: JSON.stringify(object) })
}

async function begun(): Promise<Session> {
  const session = await stage.play({ playerId: player.id })
  await stage.made(session.id)
  return session
}

/** The player says it, and it is through; what is wished then, by the cluster and by the books alike. */
async function says(say: typeof pause, { id }: Session): Promise<string> {
  await say({ database: stage.database }, { playerId: player.id })
  const { desiredState } = await stage.seen(
    { id },
    'the command is through',
    ({ command, commandApplied }) => command === commandApplied,
  )
  expect(desiredState).toBe(wishedState(await stage.made(id)))
  return desiredState
}

/** Whom the API server names as owners of the field, but the API, which may share it. */
async function owners({ id }: Session): Promise<(string | undefined)[]> {
  return ownersOf(await stage.made(id), 'desiredState').filter(manager => manager !== 'wasd-api-desired-state')
}

test.each(hands)(
  'A pause by $by stands while the SRE lets it, and the player’s pauses after it count again',
  async ({ sets, owners: after }) => {
    const session = await begun()
    const name = objectNameOf(session.id)
    await sets(name, 'Paused')
    expect(await says(resume, session)).toBe('Paused')
    await sets(name, 'Running')
    await stage.seen(session, 'that is seen', ({ desiredState }) => desiredState === 'Running')

    for (let time = 0; time < 2; time += 1) {
      expect(await says(pause, session)).toBe('Paused')
      expect(await owners(session)).toEqual(after)
      expect(await says(resume, session)).toBe('Running')
      expect(await owners(session)).toEqual(after)
    }
    // A pause of the SRE's beside the player's: each is taken back by whoever said it.
    expect(await says(pause, session)).toBe('Paused')
    await sets(name, 'Paused')
    expect(await says(resume, session)).toBe('Paused')
    await sets(name, 'Running')
    await stage.seen(session, 'it goes on', ({ desiredState }) => desiredState === 'Running')

    expect(await says(pause, session)).toBe('Paused')
    expect(await says(stop, session)).toBe('Ended')
    expect(await owners(session)).toEqual(after)
  },
)

test('An annotation that an SRE has put pauses until the SRE takes it off, and one of the player’s may be taken off as well', async () => {
  const session = await begun()
  const name = objectNameOf(session.id)
  const seen = async (state: State) =>
    await stage.seen(session, `it is to be ${state}`, ({ desiredState }) => desiredState === state)
  await stage.kubectl(['annotate', 'gs', name, `${PAUSE_ANNOTATION}=maintenance`])
  await seen('Paused')
  expect(await says(pause, session)).toBe('Paused')
  expect(await says(resume, session)).toBe('Paused')
  await stage.kubectl(['annotate', 'gs', name, `${PAUSE_ANNOTATION}-`])
  await seen('Running')

  await stage.kubectl(['patch', 'gs', name, '--type', 'merge', '-p', '{"spec":{"desiredState":"Paused"}}'])
  await stage.kubectl(['patch', 'gs', name, '--type', 'merge', '-p', '{"spec":{"desiredState":"Running"}}'])
  expect(await says(pause, session)).toBe('Paused')
  await stage.kubectl(['annotate', 'gs', name, `${PAUSE_ANNOTATION}-`])
  await seen('Running')
})
