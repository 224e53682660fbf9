// Fetches or builds what the real parts need, so that tests and demo find it ready. Tells what it does while it lasts.
import { findBinaries } from './cluster/binaries.ts'
import { findTools } from './cluster/tools.ts'
import { findRedis } from './stack/redis.ts'

const progress = (line: string) => console.log(line)

try {
  await findTools()
  await findRedis(progress)
  await findBinaries({ progress })
} catch (error) {
  // What is missing is told in a sentence that says what to install; a stack would bury it.
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
