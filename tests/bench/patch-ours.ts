// Patches statuses by lib/kube as fast as it can; says in a line of JSON how fast that was.
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { connect } from '../../lib/kube/client.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import { patches } from './patches.ts'

const client = connect(await loadCredentials({ environment: process.env }), { userAgent: 'bench-ours' })
await patches(async ({ namespace, name, status }) => {
  await client.mergePatch(gpuVms, { namespace, name }, { status }, { subresource: 'status' })
})
await client.close()
