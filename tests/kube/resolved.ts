// Loads credentials as its environment says, and prints the URL of every module that was resolved for that.
import { registerHooks } from 'node:module'

const urls: string[] = []
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    urls.push(resolved.url)
    return resolved
  },
})
const { loadCredentials } = await import('../../lib/kube/credentials.ts')
const { SERVICE_ACCOUNT: serviceAccountDirectory } = process.env
await loadCredentials({ serviceAccountDirectory, environment: process.env })
console.log(JSON.stringify(urls))
