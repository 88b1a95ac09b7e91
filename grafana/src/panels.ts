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
