// Shows, over HTTP, what it was given: environment, files, tokens, rights. `init FILE` writes the file instead.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { Agent, request } from 'undici'

const [word, file = ''] = process.argv.slice(2)
const environment = process.env
const text = (path = '') => readFileSync(path, 'utf8')

async function statusOf(path: string): Promise<number> {
  const { TOKEN_FILE = '', KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment
  const dispatcher = new Agent({ connect: { ca: text(join(dirname(TOKEN_FILE), 'ca.crt')) } })
  const headers = { authorization: `Bearer ${text(TOKEN_FILE)}` }
  const { statusCode, body } = await request(`https://${host}:${port}${path}`, { dispatcher, headers })
  await body.dump()
  await dispatcher.close()
  return statusCode
}

async function seen() {
  const { TOKEN_FILE = '' } = environment
  const namespace = text(join(dirname(TOKEN_FILE), 'namespace'))
  return {
    environment,
    wasInitialised: existsSync(file),
    greeting: text(environment.GREETING_FILE),
    namespace,
    token: text(TOKEN_FILE),
    otherToken: text(environment.OTHER_TOKEN_FILE),
    permitted: await statusOf(`/api/v1/namespaces/${namespace}/configmaps/probe`),
    forbidden: await statusOf(`/api/v1/namespaces/${namespace}/secrets/probe`),
  }
}

if (word === 'init') writeFileSync(file, 'done')
else {
  createServer(async (incoming, reply) => {
    reply.end(incoming.url === '/readyz' ? 'ok' : JSON.stringify(await seen()))
  }).listen(Number(environment.HTTP_PORT), '127.0.0.1')
  process.on('SIGTERM', () => process.exit(0))
}
