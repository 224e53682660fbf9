import type { Registry } from 'prom-client'
export interface KubeMetrics {
  readonly registry: Registry
}
export declare function kubeMetrics(registry: Registry): KubeMetrics
