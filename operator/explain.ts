// `npm run explain -- gvm/NAME`: asks the operator why each thing happened to a machine, and decides it again.
import { parseArgs } from 'node:util'
import { request } from 'undici'
import { z } from 'zod'
import { read } from './recorder/record.ts'
import { story } from './recorder/story.ts'

const usage = `Usage: npm run explain -- gvm/NAME [--namespace NAMESPACE] [--operator URL]

Tells the decisions that were made about a machine, what each was made from, and whether these sources decide the same:
those of the last week where the operator has a database, else those since it began to lead. The operator is asked at
http://127.0.0.1:8000 unless --operator says otherwise:

  kubectl --namespace wasd port-forward POD 8000    # the pod that holds the Lease wasd-operator`

const answer = z.object({ decisions: z.array(z.string()) })
const problem = z.object({ detail: z.string() })

async function main(): Promise<string> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      namespace: { type: 'string', short: 'n', default: 'default' },
      operator: { type: 'string', default: 'http://127.0.0.1:8000' },
      help: { type: 'boolean', default: false },
    },
  })
  const [, name] = /^(?:gvm|gpuvms?(?:\.wasd\.cloud)?)\/([a-z0-9.-]+)$/.exec(positionals[0] ?? '') ?? []
  if (values.help || name === undefined || positionals.length !== 1) return usage

  const { statusCode, body } = await request(`${values.operator}/v1/decisions/${values.namespace}/${name}`)
  const reply: unknown = await body.json()
  if (statusCode !== 200) throw new Error(problem.parse(reply).detail)
  return story(answer.parse(reply).decisions.map(read))
}

try {
  process.stdout.write(`${await main()}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
