// The catalogue: games, tiers, machine sizes, images and regions. Both programs read the same file.
// Wrong input is told by line, and everything that is wrong at once.
import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'

const key = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/, 'a key has 1 to 40 lower-case letters, digits and inner hyphens')
const title = z.string().min(1).max(80)
const regionName = z
  .string()
  .regex(/^[a-z0-9]{1,20}$/, "an Azure region's short name is expected, such as centralindia")
const sizeName = z
  .string()
  .regex(/^Standard_[A-Za-z0-9_]{1,55}$/, 'an Azure VM size is expected, such as Standard_NV12ads_A10_v5')
const cidr = z.union([z.cidrv4(), z.cidrv6()], 'an address block is expected, such as 203.0.113.0/24')

/** A full ARM id of one resource type, as the portal shows it under "Resource ID". */
function resourceId(type: string) {
  const parts = type.split('/')
  const provider = `${parts[0]}${parts
    .slice(1)
    .map(part => `/${part}/[^/]+`)
    .join('')}`
  const pattern = new RegExp(`^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/${provider}$`, 'i')
  return z.string().regex(pattern, `the resource id of a ${type} is expected, beginning with /subscriptions/`)
}

const game = z.strictObject({
  title,
  description: z.string().min(1).max(300).optional(),
  image: key.describe('A key of images.'),
  tiers: z.array(key).min(1).max(10).describe('The tiers that it can be played in, the recommended one first.'),
})

const tier = z.strictObject({
  title,
  description: z.string().min(1).max(300).optional(),
  pricePaisePerHour: z
    .int()
    .min(1)
    .max(10_000_000)
    .describe('What a player pays for an hour of play, in paise, tax included. The same on spot and on-demand.'),
  sizes: z.array(sizeName).min(1).max(10).describe('Keys of sizes, the preferred one first where prices are equal.'),
  osDiskGiB: z.int().min(30).max(4095).default(128),
})

const size = z.strictObject({
  driverClass: key.describe('Sizes of one class run from the same disk: same GPU maker and driver.'),
  family: z.string().min(1).max(80).describe("The name of Azure's quota for it, such as StandardNVADSA10v5Family."),
  vcpus: z.int().min(1).max(1000),
})

/** Azure's names of the availability zones of a region: https://learn.microsoft.com/azure/reliability/availability-zones-overview */
export const ZONES = ['1', '2', '3'] as const
export type Zone = (typeof ZONES)[number]

/** `undefined` for whatever is no availability zone's name. */
export function zoneOf(text: string | undefined): Zone | undefined {
  return ZONES.find(zone => zone === text)
}

const zone = z.enum(ZONES, "an availability zone is '1', '2' or '3', in quotes: a bare number is no name in YAML")

const image = z.strictObject({
  id: resourceId('Microsoft.Compute/galleries/images/versions'),
  osType: z.enum(['Windows', 'Linux']),
  driverClass: key.describe('The class of sizes that its driver serves.'),
  securityType: z.enum(['Standard', 'TrustedLaunch']).default('TrustedLaunch'),
  licenseType: z.enum(['Windows_Client', 'Windows_Server', 'None']).default('None'),
  diskControllerType: z.enum(['SCSI', 'NVMe']).default('SCSI'),
})

const region = z.strictObject({
  title,
  subscriptionId: z.guid(),
  resourceGroup: z.string().regex(/^[-\w.()]{1,90}$/, "a resource group's name is expected"),
  subnetId: resourceId('Microsoft.Network/virtualNetworks/subnets'),
  networkSecurityGroupId: resourceId('Microsoft.Network/networkSecurityGroups').optional(),
  zones: z
    .array(zone, "a list of availability zones is expected, such as ['1', '2', '3']")
    .min(1, "name one zone at least, or leave zones out: then Azure chooses, and a machine's disks belong to no zone")
    .refine(names => new Set(names).size === names.length, 'each zone is named once')
    .optional()
    .describe(
      'The availability zones that machines are placed in, the preferred one first. Address and disks are then zone-redundant.',
    ),
  probeCIDRs: z
    .array(cidr)
    .min(1)
    .max(16)
    .describe('Where the operator probes from. Always let in to the stream server.'),
})

const identity = z.strictObject({
  tenantId: z.guid(),
  clientId: z.guid().describe("The managed identity's client id, with a federated credential for the operator."),
})

const catalogueSchema = z.strictObject({
  games: z.record(key, game),
  tiers: z.record(key, tier),
  sizes: z.record(sizeName, size),
  images: z.record(key, image),
  regions: z.record(regionName, region),
  subscriptions: z
    .record(z.guid(), identity)
    .optional()
    .describe("Who the operator is in a subscription, where it is not the chart's operator.azure identity."),
})

export type Catalogue = z.infer<typeof catalogueSchema>
export type CatalogueImage = Catalogue['images'][string]
export type CatalogueRegion = Catalogue['regions'][string]

/** The catalogue cannot be used. `message` names file, line, path and remedy for each fault. */
export class CatalogueError extends Error {
  readonly code = 'InvalidCatalogue'
}

interface Fault {
  path: (string | number)[]
  message: string
}

/** Parses and checks a catalogue. `file` is the name that the error shows. Throws `CatalogueError`. */
export function parseCatalogue(text: string, file = 'catalogue.yaml'): Catalogue {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  if (document.errors.length > 0) {
    throw new CatalogueError(document.errors.map(error => `${file}: ${error.message.split('\n')[0]}`).join('\n'))
  }

  const lineOf = (path: (string | number)[]): number => {
    for (let length = path.length; length > 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true)
      if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
        return lines.linePos(Number(node.range[0])).line
      }
    }
    return 1
  }
  const refuse = (faults: Fault[]): never => {
    const told = faults.map(({ path, message }) => `${file}:${lineOf(path)}: ${path.join('.') || '(top)'}: ${message}`)
    throw new CatalogueError(told.join('\n'))
  }

  const parsed = catalogueSchema.safeParse(document.toJS())
  if (!parsed.success) {
    return refuse(
      parsed.error.issues.map(({ path, message }) => ({
        path: path.map(part => (typeof part === 'number' ? part : String(part))),
        message,
      })),
    )
  }
  const faults = danglingReferences(parsed.data)
  return faults.length > 0 ? refuse(faults) : parsed.data
}

function danglingReferences(catalogue: Catalogue): Fault[] {
  const faults: Fault[] = []
  const known = (names: object) => `known are ${Object.keys(names).join(', ') || 'none'}`

  for (const [name, { image: imageKey, tiers }] of Object.entries(catalogue.games)) {
    const itsImage = catalogue.images[imageKey]
    if (!itsImage) faults.push({ path: ['games', name, 'image'], message: `no such image; ${known(catalogue.images)}` })
    for (const [index, tierKey] of tiers.entries()) {
      const itsTier = catalogue.tiers[tierKey]
      const path = ['games', name, 'tiers', index]
      if (!itsTier) {
        faults.push({ path, message: `no such tier ${tierKey}; ${known(catalogue.tiers)}` })
        continue
      }
      const fits = itsTier.sizes.some(sizeKey => catalogue.sizes[sizeKey]?.driverClass === itsImage?.driverClass)
      if (itsImage && !fits) {
        faults.push({
          path,
          message: `no size of tier ${tierKey} has the driver class ${itsImage.driverClass} of image ${imageKey}`,
        })
      }
    }
  }
  for (const [name, { sizes }] of Object.entries(catalogue.tiers)) {
    for (const [index, sizeKey] of sizes.entries()) {
      if (!catalogue.sizes[sizeKey]) {
        faults.push({
          path: ['tiers', name, 'sizes', index],
          message: `no such size ${sizeKey}; ${known(catalogue.sizes)}`,
        })
      }
    }
  }
  return faults
}
