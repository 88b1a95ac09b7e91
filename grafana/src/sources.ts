import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common'

/** Fixed for ever: a changed uid stops Grafana from loading the file that has it. */
export const CASSANDRA = {
  type: 'hadesarchitect-cassandra-datasource',
  uid: 'stockpipe-cassandra',
} as const satisfies DataSourceRef
export const PROMETHEUS = { type: 'prometheus', uid: 'stockpipe-prometheus' } as const satisfies DataSourceRef
export const API = { type: 'yesoreyeram-infinity-datasource', uid: 'stockpipe-api' } as const satisfies DataSourceRef
/** Grafana itself, which keeps what is pushed to it. */
export const LIVE = { type: 'datasource', uid: 'grafana' } as const satisfies DataSourceRef

/** What Grafana installs before it starts: the Cassandra plugin is made for Grafana 7.4 to 12. */
export const PLUGINS = ['hadesarchitect-cassandra-datasource@3.3.0', 'yesoreyeram-infinity-datasource@4.1.8'] as const
