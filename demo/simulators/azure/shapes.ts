// The parts of Azure's bodies that the simulator itself reads. Everything else in a body is kept and given back as it is;
// whether it is allowed at all is decided in schemas.ts.
import { z } from 'zod'

const reference = z.looseObject({ id: z.string().optional() })
const tags = z.record(z.string(), z.string()).optional()
const zones = z.array(z.string()).optional()

const managedDisk = z.looseObject({ id: z.string().optional(), storageAccountType: z.string().optional() })

const osDisk = z.looseObject({
  createOption: z.string(),
  name: z.string().optional(),
  osType: z.string().optional(),
  diskSizeGB: z.number().optional(),
  deleteOption: z.string().optional(),
  managedDisk: managedDisk.optional(),
  diffDiskSettings: z.unknown().optional(),
})

const dataDisk = z.looseObject({
  lun: z.number(),
  createOption: z.string(),
  name: z.string().optional(),
  diskSizeGB: z.number().optional(),
  deleteOption: z.string().optional(),
  toBeDetached: z.boolean().optional(),
  managedDisk: managedDisk.optional(),
})

const imageReference = z.looseObject({
  id: z.string().optional(),
  publisher: z.string().optional(),
  offer: z.string().optional(),
  sku: z.string().optional(),
  version: z.string().optional(),
})

const machineProperties = z.looseObject({
  hardwareProfile: z.looseObject({ vmSize: z.string().optional() }).optional(),
  storageProfile: z
    .looseObject({
      imageReference: imageReference.optional(),
      osDisk: osDisk.optional(),
      dataDisks: z.array(dataDisk).optional(),
    })
    .optional(),
  osProfile: z
    .looseObject({
      computerName: z.string().optional(),
      adminUsername: z.string().optional(),
      adminPassword: z.string().optional(),
      customData: z.string().optional(),
      windowsConfiguration: z.looseObject({}).optional(),
      linuxConfiguration: z.looseObject({ disablePasswordAuthentication: z.boolean().optional() }).optional(),
    })
    .optional(),
  networkProfile: z
    .looseObject({
      networkInterfaces: z
        .array(
          z.looseObject({
            id: z.string().optional(),
            properties: z
              .looseObject({ primary: z.boolean().optional(), deleteOption: z.string().optional() })
              .optional(),
          }),
        )
        .optional(),
      networkInterfaceConfigurations: z.unknown().optional(),
    })
    .optional(),
  securityProfile: z.looseObject({ securityType: z.string().optional() }).optional(),
  priority: z.string().optional(),
  evictionPolicy: z.string().optional(),
  billingProfile: z.looseObject({ maxPrice: z.number().optional() }).optional(),
  userData: z.string().optional(),
})

export const machineBody = z.looseObject({
  location: z.string().optional(),
  tags,
  zones,
  properties: machineProperties.optional(),
})

export type MachineProperties = z.infer<typeof machineProperties>
export type MachineBody = z.infer<typeof machineBody>
export type OsDisk = z.infer<typeof osDisk>
export type DataDisk = z.infer<typeof dataDisk>
export type ImageReference = z.infer<typeof imageReference>

const diskProperties = z.looseObject({
  osType: z.string().optional(),
  diskSizeGB: z.number().optional(),
  incremental: z.boolean().optional(),
  creationData: z
    .looseObject({
      createOption: z.string(),
      sourceResourceId: z.string().optional(),
      sourceUri: z.string().optional(),
      imageReference: reference.optional(),
      galleryImageReference: reference.optional(),
    })
    .optional(),
  securityProfile: z.looseObject({ securityType: z.string().optional() }).optional(),
})

/** Disks and snapshots. */
export const diskBody = z.looseObject({
  location: z.string().optional(),
  tags,
  zones,
  sku: z.looseObject({ name: z.string().optional() }).optional(),
  properties: diskProperties.optional(),
})

export type DiskProperties = z.infer<typeof diskProperties>

export const publicIpBody = z.looseObject({
  location: z.string().optional(),
  tags,
  zones,
  sku: z.looseObject({ name: z.string().optional(), tier: z.string().optional() }).optional(),
  properties: z
    .looseObject({
      publicIPAllocationMethod: z.string().optional(),
      publicIPAddressVersion: z.string().optional(),
      dnsSettings: z.looseObject({ domainNameLabel: z.string().optional() }).optional(),
      deleteOption: z.string().optional(),
    })
    .optional(),
})

export const networkInterfaceBody = z.looseObject({
  location: z.string().optional(),
  tags,
  properties: z
    .looseObject({
      networkSecurityGroup: reference.optional(),
      ipConfigurations: z
        .array(
          z.looseObject({
            name: z.string().optional(),
            properties: z
              .looseObject({
                subnet: reference.optional(),
                publicIPAddress: z
                  .looseObject({
                    id: z.string().optional(),
                    properties: z.looseObject({ deleteOption: z.string().optional() }).optional(),
                  })
                  .optional(),
                primary: z.boolean().optional(),
                privateIPAddress: z.string().optional(),
                privateIPAllocationMethod: z.string().optional(),
              })
              .optional(),
          }),
        )
        .optional(),
    })
    .optional(),
})

const securityRule = z.looseObject({
  name: z.string().optional(),
  properties: z
    .looseObject({
      priority: z.number().optional(),
      direction: z.string().optional(),
      access: z.string().optional(),
      protocol: z.string().optional(),
    })
    .optional(),
})
export const securityRuleBody = securityRule
export type SecurityRule = z.infer<typeof securityRule>

export const securityGroupBody = z.looseObject({
  location: z.string().optional(),
  tags,
  properties: z.looseObject({ securityRules: z.array(securityRule).optional() }).optional(),
})

const subnet = z.looseObject({
  name: z.string().optional(),
  properties: z
    .looseObject({ addressPrefix: z.string().optional(), addressPrefixes: z.array(z.string()).optional() })
    .optional(),
})
export const subnetBody = subnet

export const virtualNetworkBody = z.looseObject({
  location: z.string().optional(),
  tags,
  properties: z
    .looseObject({
      addressSpace: z.looseObject({ addressPrefixes: z.array(z.string()).optional() }).optional(),
      subnets: z.array(subnet).optional(),
    })
    .optional(),
})

export const tagsBody = z.looseObject({ location: z.string().optional(), tags })
