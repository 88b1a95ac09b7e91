/** Panels as all dashboards have them. */
import { type Builder, type Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import {
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  DashboardBuilder,
  type DataTransformerConfig,
  FieldColorBuilder,
  FieldColorModeId,
  TimePickerBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

/** Grafana starts no timer at all unless the refresh is in the list, and not below the server's minimum. */
export const FASTEST = '500ms'
const REFRESHES = [FASTEST, '1s', '5s', '30s', '1m'] as const

export interface Frame {
  title: string
  uid: string
  description: string
  refresh: (typeof REFRESHES)[number]
  from: string
}

export const dashboard = ({ title, uid, description, refresh, from }: Frame): DashboardBuilder =>
  new DashboardBuilder(`stockpipe: ${title}`)
    .uid(uid)
    .description(description)
    .tags(['stockpipe'])
    .timezone('browser')
    .readonly()
    .refresh(refresh)
    .timepicker(new TimePickerBuilder().refreshIntervals([...REFRESHES]))
    .time({ from, to: 'now' })

/** As the feed had it. Left to itself Grafana keeps some three digits: 187.45 would be 187. */
export const AS_IT_IS = { id: 'unit', value: 'string' } as const

/** Of means and sums: as many digits as any exchange has, without those that only the arithmetic of machines has. */
export const IN_FULL = { id: 'decimals', value: 8 } as const

/** The rows of all targets as those of one. Rows that are equal in all columns become one. */
export const MERGED: DataTransformerConfig = { id: 'merge', options: {} }

/** Of some targets alone. */
export const mergedOf = (...refIds: readonly string[]): DataTransformerConfig => ({
  ...MERGED,
  filter: { id: 'byRefId', options: `/^(?:${refIds.join('|')})$/` },
})

export const newestFirst = (field: string): DataTransformerConfig => ({
  id: 'sortBy',
  options: { fields: {}, sort: [{ field, desc: true }] },
})

/** What is merged has more rows than one target may give, and between those of the two some would be missing. */
export const first = (rows: number): DataTransformerConfig => ({ id: 'limit', options: { limitField: rows } })

export const without = (columns: readonly string[]): DataTransformerConfig => ({
  id: 'organize',
  options: {
    excludeByName: Object.fromEntries(columns.map((column) => [column, true])),
    indexByName: {},
    renameByName: {},
  },
})

export interface Box {
  title: string
  /** Column, row, width and height: 24 columns, rows of some 30 px. */
  at: readonly [x: number, y: number, w: number, h: number]
  unit?: string
  description?: string
}

const placeOf = ({ at: [x, y, w, h] }: Box) => ({ x, y, w, h })

/** The order of what comes may change with each answer: colours go by name. */
const byName = () => new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName)

const legend = () =>
  new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.List)
    .placement(LegendPlacement.Bottom)
    .showLegend(true)
    .calcs([])

export function graph(box: Box, targets: Builder<Dataquery>[]): GraphBuilder {
  const panel = new GraphBuilder()
    .title(box.title)
    .gridPos(placeOf(box))
    .targets(targets)
    .colorScheme(byName())
    .fillOpacity(10)
    .showPoints(VisibilityMode.Never)
    .legend(legend())
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
  if (box.description !== undefined) panel.description(box.description)
  return box.unit === undefined ? panel : panel.unit(box.unit)
}

export const bars = (box: Box, targets: Builder<Dataquery>[]): GraphBuilder =>
  graph(box, targets).drawStyle(GraphDrawStyle.Bars).fillOpacity(60)

export function table(box: Box, targets: Builder<Dataquery>[]): TableBuilder {
  const panel = new TableBuilder().title(box.title).gridPos(placeOf(box)).targets(targets).showHeader(true)
  if (box.description !== undefined) panel.description(box.description)
  return panel
}

export function stat(box: Box, targets: Builder<Dataquery>[]): StatBuilder {
  const panel = new StatBuilder()
    .title(box.title)
    .gridPos(placeOf(box))
    .targets(targets)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
  if (box.description !== undefined) panel.description(box.description)
  return box.unit === undefined ? panel : panel.unit(box.unit)
}
