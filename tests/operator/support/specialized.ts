// The simulator takes every gallery image for a generalized one, which must come with an osProfile; the catalogue's are
// specialized, which must come without. Until it can tell them apart, one is put into the request on the way.
import { type AzureSettings, type ClientsOf, createClients } from '../../../operator/azure/clients.ts'

export function clientsForSimulator(settings: AzureSettings): ClientsOf {
  const clientsOf = createClients(settings)
  const prepared = new WeakSet<object>()

  return subscriptionId => {
    const clients = clientsOf(subscriptionId)
    if (prepared.has(clients)) return clients
    prepared.add(clients)
    clients.compute.pipeline.addPolicy({
      name: 'osProfile',
      async sendRequest(request, next) {
        if (request.method === 'PUT' && typeof request.body === 'string' && request.body.includes('"FromImage"')) {
          const body = JSON.parse(request.body)
          body.properties.osProfile = {
            computerName: 'play',
            adminUsername: 'wasd',
            linuxConfiguration: { disablePasswordAuthentication: true },
          }
          request.body = JSON.stringify(body)
        }
        return await next(request)
      },
    })
    return clients
  }
}
