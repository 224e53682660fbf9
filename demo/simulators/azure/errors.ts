// ARM's refusals: one class with what goes on the wire, and the errors that more than one resource gives.
// Body shape: https://github.com/cloud-and-ai-microsoft/resource-provider-contract/blob/master/v1.0/common-api-details.md#error-response-content

export interface ErrorDetail {
  code: string
  message?: string | undefined
  target?: string | undefined
}

/** What went wrong further in: https://github.com/microsoft/api-guidelines/blob/vNext/Guidelines.md#7102-error-condition-responses */
export interface InnerError {
  code?: string | undefined
  innererror?: InnerError | undefined
}

/** What a failed long-running operation, or a fault set by hand, says. */
export interface Failure extends ErrorDetail {
  message: string
  details?: readonly ErrorDetail[] | undefined
  innererror?: InnerError | undefined
}

export class ArmError extends Error {
  readonly status: number
  readonly code: string
  readonly target: string | undefined
  readonly details: readonly ErrorDetail[]
  readonly innererror: InnerError | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    message: string,
    more: Partial<Omit<Failure, 'code' | 'message'>> & { headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message)
    this.name = 'ArmError'
    this.status = status
    this.code = code
    this.target = more.target
    this.details = more.details ?? []
    this.innererror = more.innererror
    this.headers = more.headers ?? {}
  }

  body() {
    return {
      error: {
        code: this.code,
        message: this.message,
        ...(this.target === undefined ? {} : { target: this.target }),
        ...(this.details.length === 0 ? {} : { details: this.details }),
        ...(this.innererror === undefined ? {} : { innererror: this.innererror }),
      },
    }
  }
}

export function resourceNotFound(type: string, name: string, resourceGroup: string): ArmError {
  const what = `The Resource '${type}/${name}' under resource group '${resourceGroup}' was not found.`
  return new ArmError(
    404,
    'ResourceNotFound',
    `${what} For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  )
}

export function resourceGroupNotFound(name: string): ArmError {
  return new ArmError(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`)
}

export function missingParameter(name: string): ArmError {
  return new ArmError(400, 'InvalidParameter', `Required parameter '${name}' is missing (null).`, { target: name })
}

export function parameterNotAllowed(name: string): ArmError {
  return new ArmError(400, 'InvalidParameter', `Parameter '${name}' is not allowed.`, { target: name })
}

export function propertyChangeNotAllowed(name: string): ArmError {
  return new ArmError(409, 'PropertyChangeNotAllowed', `Changing property '${name}' is not allowed.`, { target: name })
}

/** A resource of Microsoft.Network that names another which is not there. */
export function invalidReference(referenced: string, by: string): ArmError {
  const hint = 'Please make sure that the referenced resource exists, and that both resources are in the same region.'
  const message = `Resource ${referenced} referenced by resource ${by} was not found. ${hint}`
  return new ArmError(400, 'InvalidResourceReference', message)
}

/** Compute's answer while another operation of the same resource is under way. */
export function concurrentRequest(): ArmError {
  const message =
    'The request failed due to conflict with a concurrent request. To resolve it, please refer to https://aka.ms/activitylog to get more details on the conflicting requests.'
  return new ArmError(409, 'Conflict', message)
}

export function preconditionFailed(header: string, value: string): ArmError {
  const message = `The condition '${value}' in the ${header} condition header was not satisfied.`
  return new ArmError(412, 'PreconditionFailed', message)
}
