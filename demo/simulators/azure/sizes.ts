// The virtual machine sizes and regions that exist here, with their invented prices.
// Sizes: https://learn.microsoft.com/azure/virtual-machines/sizes/gpu-accelerated/nvadsa10v5-series and its neighbours.

export interface Size {
  name: string
  /** The quota family, as the usages list names it. */
  family: string
  vCPUs: number
  memoryGB: number
  /** Shares of one GPU are less than 1. */
  gpus: number
  /** On-demand, Linux, US dollars per hour. */
  eastus: number
  westeurope: number
}

export interface Region {
  name: string
  displayName: string
  zones: readonly string[]
  /** Invented: what a size costs here, as a multiple of one of the two price columns. */
  price: { column: 'eastus' | 'westeurope'; factor: number }
}

const A10 = 'StandardNVADSA10v5Family'
const T4 = 'Standard NCASv3_T4 Family'
const V710 = 'StandardNVadsV710v5Family'

export const sizes: readonly Size[] = [
  { name: 'Standard_NV6ads_A10_v5', family: A10, vCPUs: 6, memoryGB: 55, gpus: 1 / 6, eastus: 0.454, westeurope: 0.59 },
  {
    name: 'Standard_NV12ads_A10_v5',
    family: A10,
    vCPUs: 12,
    memoryGB: 110,
    gpus: 1 / 3,
    eastus: 0.908,
    westeurope: 1.18,
  },
  {
    name: 'Standard_NV18ads_A10_v5',
    family: A10,
    vCPUs: 18,
    memoryGB: 220,
    gpus: 1 / 2,
    eastus: 1.6,
    westeurope: 2.08,
  },
  { name: 'Standard_NV36ads_A10_v5', family: A10, vCPUs: 36, memoryGB: 440, gpus: 1, eastus: 3.2, westeurope: 4.16 },
  { name: 'Standard_NC4as_T4_v3', family: T4, vCPUs: 4, memoryGB: 28, gpus: 1, eastus: 0.526, westeurope: 0.658 },
  { name: 'Standard_NC8as_T4_v3', family: T4, vCPUs: 8, memoryGB: 56, gpus: 1, eastus: 0.752, westeurope: 0.94 },
  { name: 'Standard_NC16as_T4_v3', family: T4, vCPUs: 16, memoryGB: 110, gpus: 1, eastus: 1.204, westeurope: 1.505 },
  {
    name: 'Standard_NV8ads_V710_v5',
    family: V710,
    vCPUs: 8,
    memoryGB: 32,
    gpus: 1 / 3,
    eastus: 0.667,
    westeurope: 0.867,
  },
]

const zoned = ['1', '2', '3']

export const regions: readonly Region[] = [
  { name: 'eastus', displayName: 'East US', zones: zoned, price: { column: 'eastus', factor: 1 } },
  { name: 'westeurope', displayName: 'West Europe', zones: zoned, price: { column: 'westeurope', factor: 1 } },
  { name: 'northeurope', displayName: 'North Europe', zones: zoned, price: { column: 'westeurope', factor: 0.96 } },
  {
    name: 'germanywestcentral',
    displayName: 'Germany West Central',
    zones: zoned,
    price: { column: 'westeurope', factor: 1.02 },
  },
  { name: 'francecentral', displayName: 'France Central', zones: zoned, price: { column: 'westeurope', factor: 1.03 } },
  { name: 'swedencentral', displayName: 'Sweden Central', zones: zoned, price: { column: 'westeurope', factor: 0.94 } },
  { name: 'uksouth', displayName: 'UK South', zones: zoned, price: { column: 'westeurope', factor: 1.01 } },
  { name: 'centralindia', displayName: 'Central India', zones: zoned, price: { column: 'eastus', factor: 1.15 } },
  { name: 'southindia', displayName: 'South India', zones: [], price: { column: 'eastus', factor: 1.25 } },
]

export const families: readonly string[] = [...new Set(sizes.map(size => size.family))]

export function sizeNamed(name: string): Size | undefined {
  return sizes.find(size => size.name.toLowerCase() === name.toLowerCase())
}

/** ARM takes both `westeurope` and `West Europe`, and gives back the first. */
export function regionNamed(name: string): Region | undefined {
  const plain = name.replaceAll(' ', '').toLowerCase()
  return regions.find(region => region.name === plain)
}
