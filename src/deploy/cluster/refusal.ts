/** A no of the API server, in words: what was asked, why not, what to do. */
import { StockpipeError, type ErrorCode, type ErrorDetails } from '../../errors.ts'
import { ruleFor, type Place } from './asked.ts'
import { certificateWords } from './certificate.ts'

/** The body of a refusal (meta/v1 Status), as far as it is read here. */
export interface Status {
  code: number
  reason?: string
  message: string
  details?: {
    retryAfterSeconds?: number
    causes?: readonly { reason?: string; message?: string; field?: string }[]
  }
}

/** The cause of a refusal because of what has changed meanwhile (410): only a new list helps. */
export const OUTDATED = new Error('outdated')

/** The cause of a refusal that says when to come back. */
export class RetryAfter extends Error {
  readonly ms: number

  constructor(ms: number) {
    super(`come back after ${ms} ms`)
    this.ms = ms
  }
}

export async function refusal(answer: Response, place: Place): Promise<StockpipeError> {
  return inWords(await statusOf(answer), place, Number(answer.headers.get('retry-after') ?? 0))
}

async function statusOf(answer: Response): Promise<Status> {
  const text = await answer.text().catch(() => '')
  try {
    const status = JSON.parse(text) as Partial<Status>
    return { ...status, code: answer.status, message: status.message ?? answer.statusText }
  } catch {
    // A proxy or load balancer in between answers in words of its own.
    return { code: answer.status, message: text.trim().slice(0, 200) || answer.statusText }
  }
}

export function inWords(status: Status, place: Place, retryAfter = 0): StockpipeError {
  const { code } = status
  if (code === 401) return notKnown(place)
  if (code === 403) return forbidden(status, place)
  if (code === 404) return fail('not-found', place, { why: status.message })
  if (code === 409) return conflict(status, place)
  if (code === 410)
    return fail('not-ready', place, { why: `what was listed is outdated: ${status.message}`, cause: OUTDATED })
  if (code === 429 || code >= 500) return troubled(status, place, retryAfter)
  return invalid(status, place)
}

const fail = (code: ErrorCode, { asked, context }: Place, details: ErrorDetails) =>
  new StockpipeError(code, `cannot ${asked.what} in the cluster of ${context}`, details)

function notKnown(place: Place): StockpipeError {
  const expired = certificateWords(place.config, place.clock.now())
  return new StockpipeError('auth', `the cluster of ${place.context} does not accept our credentials`, {
    why:
      expired ??
      `${place.server} answered 401: the token or certificate of the kubeconfig is unknown to it, or expired`,
    hint: 'log in again, with the command of your cloud (minikube: minikube update-context), then: kubectl auth whoami',
    mendable: true,
  })
}

function forbidden(status: Status, place: Place): StockpipeError {
  const { message } = status
  const quota = /exceeded quota: ([^,]+), (.*)$/s.exec(message)
  if (quota)
    return fail('quota', place, {
      why: `the ResourceQuota ${quota[1]} of the namespace is full: ${quota[2]}`,
      hint: `raise it, or ask for less: kubectl describe resourcequota ${quota[1]} -n ${place.asked.right.namespace}`,
      mendable: true,
    })
  const pods = /violates PodSecurity "([^"]+)": (.*)$/s.exec(message)
  if (pods)
    return fail('refused', place, {
      why: `the namespace enforces the PodSecurity level ${pods[1]}, which forbids: ${pods[2]}`,
      hint: 'compare the labels pod-security.kubernetes.io/* of the namespace with `stockpipe deploy render`',
    })
  if (status.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating'))
    return fail('not-ready', place, {
      why: `the namespace ${place.asked.right.namespace} is being deleted`,
      hint: 'wait until it is gone, then run this again',
      mendable: true,
    })
  if (message.startsWith('admission webhook')) return hooked(message, place)
  // Of a right, the server says who lacks which; all other reasons are those of an admission plugin.
  return / cannot \w+ resource /.test(message) ? missingRight(message, place) : fail('refused', place, { why: message })
}

function missingRight(message: string, place: Place): StockpipeError {
  // An apply that makes the object takes another right than one that changes it.
  const verb = / cannot (\w+) resource /.exec(message)?.[1] ?? place.asked.right.verb
  const right = { ...place.asked.right, verb }
  const who = /User "([^"]+)"/.exec(message)?.[1] ?? 'the user of this context'
  const resource = right.group === '' ? right.resource : `${right.resource}.${right.group}`
  const where = right.namespace === null ? 'in the whole cluster' : `in the namespace ${right.namespace}`
  return fail('forbidden', place, {
    why: `${who} may not ${right.verb} ${resource} ${where}`,
    hint: `let an administrator add to ${right.namespace === null ? 'a ClusterRole' : 'a Role'} of that user: ${ruleFor(right)}`,
    mendable: true,
  })
}

function conflict(status: Status, place: Place): StockpipeError {
  const causes = (status.details?.causes ?? []).filter(({ reason }) => reason === 'FieldManagerConflict')
  if (causes.length === 0)
    // Somebody wrote between our reading and our writing.
    return fail('conflict', place, { why: status.message, retryable: /object has been modified/.test(status.message) })
  const fields = causes.map(
    ({ field = '?', message = '' }) => `${field} (${/"([^"]+)"/.exec(message)?.[1] ?? message})`,
  )
  return fail('conflict', place, {
    why: `others manage fields that we want to set: ${fields.join(', ')}`,
    hint: 'leave the fields to them, or take them over with --force-conflicts',
  })
}

function invalid(status: Status, place: Place): StockpipeError {
  const causes = status.details?.causes ?? []
  const frozen = causes.filter(({ message = '' }) =>
    /immutable|updates to \w+ spec for fields other than/.test(message),
  )
  if (frozen.length > 0 || /immutable/.test(status.message)) {
    const fields = frozen.map(({ field }) => field).filter(Boolean)
    return fail('immutable', place, {
      why: `${fields.length === 0 ? 'a field' : fields.join(', ')} cannot change once the object is there`,
      hint: 'keep the value that it has, or delete the object first',
    })
  }
  return fail('refused', place, { why: status.message })
}

const hooked = (message: string, place: Place) =>
  fail('refused', place, { why: message, hint: 'ask who runs that webhook what it wants', mendable: true })

function troubled(status: Status, place: Place, retryAfter: number): StockpipeError {
  const { message, code } = status
  // These are answers to what was asked, not trouble of the server, whatever their number.
  if (/field not declared in schema|failed to create typed patch object|strict decoding error/.test(message))
    return fail('refused', place, { why: `the cluster does not know a field: ${message}` })
  const seconds = status.details?.retryAfterSeconds ?? retryAfter
  const isHook = /failed calling webhook/.test(message)
  return fail('not-ready', place, {
    why: code === 429 ? `the API server is too busy: ${message}` : `the API server answered ${code}: ${message}`,
    hint: isHook ? 'see that the pods of that webhook run, or delete its configuration' : 'try again in a minute',
    retryable: true,
    ...(seconds > 0 ? { cause: new RetryAfter(seconds * 1_000) } : {}),
  })
}
