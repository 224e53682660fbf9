// Images: those of a gallery have to be named by an option, those of the marketplace all exist.
import { ArmError, missingParameter } from './errors.ts'
import { key } from './ids.ts'
import type { GalleryImage } from './options.ts'
import type { ImageReference } from './shapes.ts'
import type { World } from './state.ts'

/** The image's operating system, and whether it is generalized; throws when there is no such image. */
export function imageNamed(
  world: World,
  image: ImageReference,
  location: string,
): Pick<GalleryImage, 'osType' | 'state'> {
  if (image.id !== undefined) {
    const id = key(image.id)
    const listed = world.settings.images.find(one => id === key(one.id) || id.startsWith(`${key(one.id)}/versions/`))
    if (listed !== undefined) return listed
    const message = `The gallery image ${image.id} is not available in ${location} region. Please contact image owner to replicate to this region, or change your requested region.`
    throw new ArmError(404, 'GalleryImageNotFound', message, { target: 'imageReference' })
  }
  for (const part of ['publisher', 'offer', 'sku', 'version'] as const) {
    if (image[part] === undefined) throw missingParameter(`imageReference.${part}`)
  }
  const osType = /windows/i.test(`${image.publisher} ${image.offer}`) ? 'Windows' : 'Linux'
  return { osType, state: 'Generalized' }
}

export function marketplaceId(
  world: World,
  location: string,
  { publisher, offer, sku, version }: ImageReference,
): string {
  const base = `/Subscriptions/${world.subscription.id}/Providers/Microsoft.Compute/Locations/${location}`
  return `${base}/Publishers/${publisher}/ArtifactTypes/VMImage/Offers/${offer}/Skus/${sku}/Versions/${version}`
}
