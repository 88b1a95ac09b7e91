/** Errors as RFC 9457 answers: words for a person, nothing of the inside, no input echoed raw. */
import type { Context as HonoContext, Env } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

import { StockpipeError, toStatus } from '../errors.ts'

/** What one request carries along. */
export interface ApiEnv {
  Variables: { requestId: string }
}

export interface ProblemError {
  /** The query parameter, header or path that is meant. */
  parameter?: string
  detail: string
}

export interface ProblemDetails {
  status: ContentfulStatusCode
  detail: string
  errors?: readonly ProblemError[]
  headers?: Readonly<Record<string, string>>
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not authorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  426: 'Upgrade required',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Not available',
}

export function problemResponse(details: ProblemDetails, requestId: string): Response {
  const body = {
    type: 'about:blank',
    title: TITLES[details.status] ?? 'Error',
    status: details.status,
    detail: details.detail,
    errors: details.errors ?? [],
    request_id: requestId,
  }
  return new Response(JSON.stringify(body).replaceAll('<', '\\u003c'), {
    status: details.status,
    headers: { 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff', ...details.headers },
  })
}

export const problem = <E extends ApiEnv & Env>(c: HonoContext<E>, details: ProblemDetails): Response => {
  const response = problemResponse(details, c.get('requestId'))
  return c.newResponse(response.body, response)
}

/** A request that cannot be answered because of one parameter. */
export const refuse = (parameter: string, detail: string, code: 'invalid' | 'not-found' = 'invalid'): StockpipeError =>
  new StockpipeError(code, `${parameter}: ${detail}`, { cause: { parameter, detail } satisfies ProblemError })

const causeOf = ({ cause, message }: StockpipeError): ProblemError =>
  typeof cause === 'object' && cause !== null && 'parameter' in cause && 'detail' in cause
    ? { parameter: String(cause.parameter), detail: String(cause.detail) }
    : { detail: message }

/** What of an error may be shown: the words of ours below 500, else only that it happened. */
export function toProblem(error: unknown): ProblemDetails {
  const status = toStatus(error) as ContentfulStatusCode
  if (status < 500 && error instanceof StockpipeError)
    return { status, detail: error.message, errors: [causeOf(error)] }
  if (status === 503)
    return { status, detail: 'The store does not answer at the moment; try again', headers: { 'retry-after': '1' } }
  return { status: 500, detail: 'This should not have happened; the log of stockpipe has the details' }
}

/** Text that came from outside, made fit to stand in a sentence. */
export const quoted = (text: string): string => {
  const plain = text.replaceAll(/[^\x20-\x7e]/g, '?')
  return JSON.stringify(plain.length > 40 ? `${plain.slice(0, 40)}...` : plain)
}
