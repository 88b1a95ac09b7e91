/** What is pushed to Grafana while it happens: no polling, no history. */
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import { CustomVariableBuilder, type DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard'

import { AS_IT_IS, dashboard, graph, IN_FULL, stat } from './panels.ts'
import { LIVE } from './sources.ts'
import { channelList } from '../../src/deploy/grafana/export.ts'
import { channelName, LIVE_STREAM } from '../../src/grafana-channel.ts'

/** The symbols that a pipeline has when it is told none; `grafana export --symbols` puts in others. */
const SYMBOLS = ['BINANCE:BTCUSDT', 'BINANCE:ETHUSDT', 'BINANCE:XRPUSDT', 'BINANCE:DOGEUSDT'] as const
const BUFFER_MS = 300_000

/** One stream `stockpipe`, one measurement per symbol; its fields are always the same: price, volume, vwap. */
class LiveQuery implements Builder<Dataquery> {
  readonly #field: string

  constructor(field: 'price' | 'volume' | 'vwap') {
    this.#field = field
  }

  build(): Dataquery {
    const query = {
      refId: 'A',
      datasource: LIVE,
      queryType: 'measurements',
      channel: `stream/${LIVE_STREAM}/\${stream}`,
      filter: { fields: ['time', this.#field] },
      buffer: BUFFER_MS,
      _implementsDataqueryVariant() {},
    }
    return query
  }
}

const streams = () => {
  const [first] = SYMBOLS
  return new CustomVariableBuilder('stream')
    .label('Symbol')
    .values(channelList(SYMBOLS))
    .current({ text: first, value: channelName(first), selected: true })
}

export const marketLive = (): DashboardBuilder =>
  dashboard({
    title: 'Market live',
    uid: 'stockpipe-market-live',
    description: 'Trades as they are pushed to Grafana Live; empty until something pushes them',
    // It redraws by itself; this only moves the time range on.
    refresh: '5s',
    from: 'now-5m',
  })
    .withVariable(streams())
    .withPanel(stat({ title: 'Last price', at: [0, 0, 8, 5], unit: AS_IT_IS.value }, [new LiveQuery('price')]))
    .withPanel(
      stat({ title: '15 s running average', at: [8, 0, 8, 5] }, [new LiveQuery('vwap')]).decimals(IN_FULL.value),
    )
    .withPanel(stat({ title: 'Last volume', at: [16, 0, 8, 5] }, [new LiveQuery('volume')]).decimals(IN_FULL.value))
    .withPanel(graph({ title: 'Price', at: [0, 5, 24, 10] }, [new LiveQuery('price')]))
    .withPanel(graph({ title: 'Volume', at: [0, 15, 12, 8] }, [new LiveQuery('volume')]))
    .withPanel(graph({ title: '15 s running average', at: [12, 15, 12, 8] }, [new LiveQuery('vwap')]))
