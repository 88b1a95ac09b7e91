/** The rules of the Infinity plugin and of our own HTTP API. */
import type { Rule } from './lint.ts'
import { API_PLUGIN, type Dashboard, type Target, targetsOf } from '../../src/deploy/grafana/dashboard.ts'

const MOST_ROWS = 1000

export interface ApiTarget {
  url: string
  columns: { selector: string; type: string }[]
  parser?: string
  root_selector?: string
}

export const asApiTarget = (target: Target): ApiTarget => target as unknown as ApiTarget

const eachTarget =
  (judge: (target: ApiTarget) => string | null): Rule<Dashboard> =>
  (dashboard) =>
    [...targetsOf(dashboard)]
      .filter(({ target }) => target.datasource.type === API_PLUGIN)
      .flatMap(({ where, target }) => {
        const what = judge(asApiTarget(target))
        return what === null ? [] : [{ where, what }]
      })

export const API_RULES: Readonly<Record<string, Rule<Dashboard>>> = {
  // The address is the data source's; a whole one would go round it.
  'api-path': eachTarget(({ url }) => (url.startsWith('/v1/') ? null : `${url} is no path of the API`)),

  // By the browser it would neither refresh in time nor reach the API.
  'api-parser': eachTarget(({ parser, root_selector }) =>
    parser === 'backend' && root_selector === 'data' ? null : 'must be parsed by the back end, below data',
  ),

  'api-formats': eachTarget(({ url }) => {
    const bad = [...url.matchAll(/\$\{(\w+)(?::([^}]+))?\}/g)].find(([, name = '', format = '']) =>
      name.startsWith('__') ? format !== '' : format !== 'percentencode',
    )
    return bad === undefined ? null : `${bad[0]} must be :percentencode, or plain for times`
  }),

  'api-bounded': eachTarget(({ url }) => {
    if (url.startsWith('/v1/latest?')) return null
    const limit = Number(/[?&]limit=(\d+)/.exec(url)?.[1] ?? Number.POSITIVE_INFINITY)
    return limit <= MOST_ROWS && url.includes('order=desc')
      ? null
      : `needs order=desc and a limit of at most ${MOST_ROWS}`
  }),
}
