// Signs in from the Mini App, looks at the wallet, asks what play would cost, starts it and ends it again.
//
//     node client/example.ts https://play.example.com "$(cat init-data)"
import { ApiProblem, connect, newKey } from 'wasd-cloud/client'

const [baseUrl = 'http://127.0.0.1:3000', initData = ''] = process.argv.slice(2)

try {
  const stranger = connect({ baseUrl })
  const tokens = await (await stranger.v1['sign-in']['mini-app'].$post({ header: newKey(), json: { initData } })).json()

  const api = connect({ baseUrl, tokens, onTokens: () => console.log('The tokens were renewed.') })
  const wallet = await (await api.v1.wallet.$get()).json()
  console.log(`In the wallet: ₹${(wallet.availablePaise / 100).toFixed(2)}`)

  const wish = { game: 'star-caravan', tier: 'standard' }
  const quote = await (await api.v1.quotes.$get({ query: wish })).json()
  console.log(
    `${wish.game} on ${wish.tier}: ₹${quote.pricePaisePerHour / 100} an hour, enough for ${quote.minutes} minutes`,
  )

  const session = await (await api.v1.sessions.$post({ header: newKey(), json: wish })).json()
  console.log(`Session ${session.id}: ${session.state}`)
  const param = { sessionId: session.id }
  const ended = await (await api.v1.sessions[':sessionId'].end.$post({ header: newKey(), param, json: {} })).json()
  console.log(`Session ${ended.id}: ${ended.state}`)
} catch (error) {
  if (!(error instanceof ApiProblem)) throw error
  console.error(`${error.code}: ${error.message}`)
  process.exitCode = 1
}
