import type { KubeClient } from './client.ts'

/** The same client, whose writes throw `NotLeading` while `holds` says no. Reads pass. */
export declare function fenced(client: KubeClient, holds: () => boolean): KubeClient
