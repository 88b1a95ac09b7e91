import { INTERVALS, type CandleRow, type Interval, type LatestRow, type TradeRow, type WindowRow } from '../../trade.ts'
import { badgeOf } from './badge.ts'
import { PriceChart } from './chart.ts'
import { formatChange, formatPrice } from './format.ts'
import { LiveSocket, type Update } from './socket.ts'
import { Tape } from './tape.ts'
import { startTheme } from './theme.ts'
import { readView, writeView } from './view.ts'
import { Watchlist } from './watchlist.ts'

const HISTORY_BARS = 1_000
const STATUS_EVERY_MS = 2_000

interface Status {
  origin: 'live' | 'simulated' | 'replay'
  symbols: readonly string[]
  started_at: number
  trades_per_second?: number
  latency_p99_ms?: number | null
}

const at = (id: string): HTMLElement => {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no #${id}`)
  return element
}

const view = readView(location.hash)
const latest = new Map<string, LatestRow>()
let status: Status | null = null
let isConnected = false
let isDrawDue = false

startTheme(at('theme'), () => chart.paint())
const chart = new PriceChart(at('chart'), at('legend'))
const tape = new Tape(at('tape'))
const watchlist = new Watchlist(at('watchlist'), (symbol) => show({ ...view, symbol }))
const socket = new LiveSocket({
  onUpdate: receive,
  onState(connected) {
    isConnected = connected
    drawSoon()
    if (connected && view.symbol !== null) void loadHistory()
  },
})

const channels = () =>
  view.symbol === null
    ? ['latest:*']
    : ['latest:*', `trades:${view.symbol}`, `candles:${view.interval}:${view.symbol}`, `windows:${view.symbol}`]

function show(next: { symbol: string | null; interval: Interval }): void {
  const isOther = next.symbol !== view.symbol
  Object.assign(view, next)
  history.replaceState(null, '', writeView(view))
  if (isOther) tape.clear()
  chart.clear(view.interval)
  if (view.symbol !== null) watchlist.select(view.symbol)
  for (const button of at('intervals').children)
    button.setAttribute('aria-checked', String(button.textContent === view.interval))
  socket.follow(channels())
  void loadHistory()
  drawSoon()
}

function receive({ channel, isSnapshot, rows }: Update): void {
  if (channel.startsWith('latest:')) for (const row of rows as readonly LatestRow[]) latest.set(row.symbol, row)
  else if (channel.startsWith('trades:')) {
    if (isSnapshot) tape.clear()
    tape.add(rows as readonly TradeRow[])
  } else if (channel.startsWith('candles:')) chart.setCandles(rows as readonly CandleRow[], { isWhole: false })
  else chart.setWindows(rows as readonly WindowRow[])
  drawSoon()
}

/** The past that the snapshots do not hold. */
async function loadHistory(): Promise<void> {
  const { symbol, interval } = view
  if (symbol === null) return
  const query = new URLSearchParams({ symbol, order: 'desc', limit: String(HISTORY_BARS), from: '1' })
  const [candles, windows] = await Promise.all([
    get<{ data: CandleRow[] }>(`/v1/candles?${query.toString()}&interval=${interval}`),
    get<{ data: WindowRow[] }>(`/v1/windows?${query.toString()}`),
  ])
  if (symbol !== view.symbol || interval !== view.interval) return
  if (windows !== null) chart.setWindows(windows.data)
  if (candles !== null) chart.setCandles(candles.data, { isWhole: true })
  const csv = new URLSearchParams({ symbol, interval, limit: '10000', format: 'csv', from: '1' })
  at('export').setAttribute('href', `/v1/candles?${csv.toString()}`)
}

async function refreshStatus(): Promise<void> {
  status = (await get<Status>('/statusz')) ?? status
  if (status !== null) watchlist.show(status.symbols)
  const first = status?.symbols[0] ?? [...latest.keys()][0]
  if (view.symbol === null && first !== undefined) show({ ...view, symbol: first })
  drawSoon()
}

/** Null when the server cannot be asked just now: the next round asks again. */
async function get<Body>(path: string): Promise<Body | null> {
  try {
    const response = await fetch(path)
    return response.ok ? ((await response.json()) as Body) : null
  } catch {
    return null
  }
}

function drawSoon(): void {
  if (isDrawDue) return
  isDrawDue = true
  requestAnimationFrame(draw)
}

function draw(): void {
  isDrawDue = false
  tape.draw()
  for (const row of latest.values()) watchlist.update(row)
  const row = view.symbol === null ? undefined : latest.get(view.symbol)
  drawQuote(row)
  const { kind, text } = badgeOf({
    now: Date.now(),
    isConnected,
    origin: status?.origin ?? null,
    symbol: view.symbol ?? '',
    startedAt: status?.started_at ?? null,
    lastTradeAt: row?.received_ts ?? row?.trade_ts ?? null,
  })
  const badge = at('badge')
  badge.dataset['kind'] = kind
  if (badge.textContent !== text) badge.textContent = text
  at('rate').textContent = status === null ? '' : rateText(status)
}

function drawQuote(row: LatestRow | undefined): void {
  at('symbol').textContent = view.symbol ?? '…'
  at('price').textContent = row === undefined ? '–' : formatPrice(row.price)
  const percent = row?.change_percent ?? null
  const change = at('change')
  change.textContent = percent === null ? '' : `${formatChange(percent)} today`
  change.className = `num ${percent !== null && percent < 0 ? 'down' : 'up'}`
  document.title = row === undefined ? 'stockpipe' : `${formatPrice(row.price)} ${row.symbol} · stockpipe`
}

function rateText({ trades_per_second: rate, latency_p99_ms: p99 }: Status): string {
  const parts = [
    rate === undefined ? '' : `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} trades/s`,
    p99 == null ? '' : `p99 ${p99} ms`,
  ]
  return parts.filter(Boolean).join(' · ')
}

for (const interval of INTERVALS) {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = interval
  button.setAttribute('role', 'radio')
  button.addEventListener('click', () => show({ ...view, interval }))
  at('intervals').append(button)
}

addEventListener('hashchange', () => show(readView(location.hash)))
setInterval(() => void refreshStatus(), STATUS_EVERY_MS)
if (view.symbol !== null) show(view)
void refreshStatus()
