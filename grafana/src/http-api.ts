import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import { QueryVariableBuilder, VariableRefresh, VariableSort } from '@grafana/grafana-foundation-sdk/dashboard'

import { API } from './sources.ts'

/** Of the fields of a row those that are shown; times are ms. */
export type Fields = Readonly<Record<string, 'time' | 'number' | 'text'>>

const TYPES = { time: 'timestamp_epoch', number: 'number', text: 'string' } as const

/** A question to the HTTP API as the Infinity plugin asks it: by Grafana's back end, below the data source's address. */
const question = (refId: string, path: string, fields: Fields) => ({
  refId,
  datasource: API,
  type: 'json',
  source: 'url',
  parser: 'backend',
  format: 'table',
  url: path,
  url_options: { method: 'GET', data: '' },
  root_selector: 'data',
  columns: Object.entries(fields).map(([field, type]) => ({ selector: field, text: field, type: TYPES[type] })),
})

export const http = (refId: string, path: string, fields: Fields): Builder<Dataquery> => ({
  build: () => ({ ...question(refId, path, fields), _implementsDataqueryVariant() {} }),
})

/** All symbols that have a price. */
export const symbolsByHttp = () =>
  new QueryVariableBuilder('symbol')
    .label('Symbol')
    .datasource(API)
    .query({ query: '', queryType: 'infinity', infinityQuery: question('variable', '/v1/latest', { symbol: 'text' }) })
    .refresh(VariableRefresh.OnDashboardLoad)
    .sort(VariableSort.AlphabeticalAsc)
