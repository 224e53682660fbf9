import { expect, test } from 'vitest'
import { decisionRoutes } from './routes.ts'

const texts = ['{"first":1}', '{"second":2}']
const ask = async (path: string, { isLeading = true, past = async (): Promise<string[]> => [] } = {}) => {
  const of = ({ namespace, name }: { namespace: string; name: string }) =>
    namespace === 'play' && name === 'known' ? texts : []
  const reply = await decisionRoutes({ recorder: { of }, past, isLeading: () => isLeading }).request(path)
  return { status: reply.status, body: await reply.json() }
}

test('what is on record comes as it was written', async () => {
  expect(await ask('/v1/decisions/play/known')).toEqual({ status: 200, body: { decisions: texts } })
})

test('what an earlier leader decided comes first, and nothing twice', async () => {
  const past = async () => ['{"earlier":0}', '{"first":1}']
  expect((await ask('/v1/decisions/play/known', { past })).body).toEqual({ decisions: ['{"earlier":0}', ...texts] })
  expect((await ask('/v1/decisions/play/other', { past, isLeading: false })).status).toBe(200)
})

test('while the database is away the operator tells what it remembers', async () => {
  const past = () => Promise.reject(new Error('ECONNREFUSED'))
  expect(await ask('/v1/decisions/play/known', { past })).toEqual({ status: 200, body: { decisions: texts } })
})

test('of whom nothing is known, and who does not decide, is told apart', async () => {
  expect(await ask('/v1/decisions/play/other')).toMatchObject({ status: 404, body: { title: 'NoDecisions' } })
  expect(await ask('/v1/decisions/play/other', { isLeading: false })).toMatchObject({
    status: 503,
    body: { title: 'NotLeading', detail: expect.stringContaining('Lease') },
  })
})
