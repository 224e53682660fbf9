export interface TlsMaterial {
  ca?: string | Buffer
  cert?: string | Buffer
  key?: string | Buffer
  servername?: string
  rejectUnauthorized?: boolean
}

/** Who we are to the server, at this moment. A new object when anything has changed. */
export interface Identity {
  headers: Readonly<Record<string, string>>
  tls: Readonly<TlsMaterial>
}

export interface Credentials {
  /** `https://host:port`, possibly with a path. */
  readonly server: string
  /** The namespace of the kubeconfig's context or of our own pod, where there is one. */
  readonly namespace: string | undefined
  /** Cheap: files and plugins are asked anew at most every so often. Throws when they fail and nothing is known. */
  identity(): Promise<Identity>
  /** Asks files and plugins at once, since the server has just refused what we had. */
  refresh(): Promise<Identity>
}

export interface CredentialsOptions {
  /** A path; without one `KUBECONFIG` of the environment, then the pod's service account. */
  kubeconfig?: string | undefined
  /** Default /var/run/secrets/kubernetes.io/serviceaccount. */
  serviceAccountDirectory?: string | undefined
  environment: Record<string, string | undefined>
}

export declare function loadCredentials(options: CredentialsOptions): Promise<Credentials>
