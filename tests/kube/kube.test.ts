// lib/kube on a real API server, which all suites share: starting one takes longer than most of them.
import { afterAll, beforeAll } from 'vitest'
import { connect } from '../../lib/kube/client.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import { clientBehaves } from './client.suite.ts'
import { controllerBehaves } from './controller.suite.ts'
import { credentialsBehave } from './credentials.suite.ts'
import { electorBehaves } from './elector.suite.ts'
import { eventsBehave } from './events.suite.ts'
import { fenceHolds } from './fence.suite.ts'
import { installWidgets } from './fixtures.ts'
import { leadersKeepApart } from './leaders.suite.ts'
import { linkFaultsAreSurvived } from './link-faults.suite.ts'
import { replicasTakeTurns } from './manager.suite.ts'
import { readmeHolds } from './readme.suite.ts'
import { reflectorBehaves } from './reflector.suite.ts'
import { serverFaultsAreSurvived } from './server-faults.suite.ts'

let running: ApiServer | undefined

beforeAll(async () => {
  running = await startApiServer()
  const client = connect(running.credentials(), { userAgent: 'kube-test/1' })
  await installWidgets(client)
  await client.close()
}, 90_000)

afterAll(async () => {
  await running?.stop()
}, 30_000)

function server(): ApiServer {
  if (running === undefined) throw new Error('The API server has not started.')
  return running
}

clientBehaves(server)
credentialsBehave(server)
reflectorBehaves(server)
controllerBehaves(server)
electorBehaves(server)
fenceHolds(server)
leadersKeepApart(server)
replicasTakeTurns(server)
eventsBehave(server)
readmeHolds(server)
linkFaultsAreSurvived(server)
serverFaultsAreSurvived(server) // Last: it stops the server.
