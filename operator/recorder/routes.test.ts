import { expect, test } from 'vitest'
import { decisionRoutes } from './routes.ts'

const texts = ['{"first":1}', '{"second":2}']
const ask = async (path: string, { isLeading = true } = {}) => {
  const of = ({ namespace, name }: { namespace: string; name: string }) =>
    namespace === 'play' && name === 'known' ? texts : []
  const reply = await decisionRoutes({ of }, () => isLeading).request(path)
  return { status: reply.status, body: await reply.json() }
}

test('what is on record comes as it was written', async () => {
  expect(await ask('/v1/decisions/play/known')).toEqual({ status: 200, body: { decisions: texts } })
})

test('of whom nothing is known, and who does not decide, is told apart', async () => {
  expect(await ask('/v1/decisions/play/other')).toMatchObject({ status: 404, body: { title: 'NoDecisions' } })
  expect(await ask('/v1/decisions/play/other', { isLeading: false })).toMatchObject({
    status: 503,
    body: { title: 'NotLeading', detail: expect.stringContaining('Lease') },
  })
})
