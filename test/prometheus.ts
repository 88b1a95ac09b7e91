/** A real Prometheus: who else could say what an expression means. */
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { freePorts } from './services/ports.ts'
import { until } from './until.ts'

export interface Prometheus extends AsyncDisposable {
  /** The values of an expression now; throws what Prometheus says when it cannot be computed. */
  query(expr: string): Promise<number[]>
  /** `pending` or `firing`, by the name of the alert; one that is inactive is not among them. */
  alerts(): Promise<Map<string, string>>
  /** From now on it knows these addresses and no others, within 5 s: that is how often it looks after what it found. */
  discovers(targets: readonly string[]): Promise<unknown>
}

/** Null, and a line that says why, where it is not installed; with `CI=true` an error instead. */
export const PROMETHEUS: string | null = Bun.which('prometheus')
export const PROMTOOL: string | null = Bun.which('promtool')
if (PROMETHEUS === null || PROMTOOL === null) {
  const why = 'no prometheus and promtool: apt-get install prometheus'
  if (process.env['CI'] === 'true') throw new Error(why)
  console.warn(`\nSKIPPED: NOT TESTED with a real Prometheus: ${why}\n`)
}

export interface Checked {
  code: number
  /** What it printed, everything. */
  text: string
}

export const promtool = (...words: string[]): Promise<Checked> => runPromtool(words)

/** What is wrong with the names, types and units of what a process exports. */
export const lintMetrics = (exported: string): Promise<Checked> => runPromtool(['check', 'metrics'], exported)

async function runPromtool(words: readonly string[], input = ''): Promise<Checked> {
  const command = [PROMTOOL ?? 'promtool', ...words]
  const child = Bun.spawn(command, { stdin: Buffer.from(input), stdout: 'pipe', stderr: 'pipe' })
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, text: out + error }
}

/** Scrapes those addresses, `host:port`, every second. */
export async function startPrometheus(targets: readonly string[], ruleFile: string): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-prometheus-'))
  const [port = 0] = await freePorts(1)
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [ruleFile],
    scrape_configs: [{ job_name: 'any', file_sd_configs: [{ files: ['targets.json'] }] }],
  }
  // Renamed into place: it never reads half of it.
  const discovers = async (found: readonly string[]) => {
    await Bun.write(join(folder, 'found.json'), JSON.stringify([{ targets: found }]))
    renameSync(join(folder, 'found.json'), join(folder, 'targets.json'))
  }
  await discovers(targets)
  await Bun.write(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const words = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`]
  const child = Bun.spawn([PROMETHEUS ?? 'prometheus', ...words, `--web.listen-address=127.0.0.1:${port}`], {
    stdout: 'ignore',
    stderr: 'ignore',
  })
  const base = `http://127.0.0.1:${port}`
  const isReady = () =>
    fetch(`${base}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  await until(isReady, (ready) => ready || child.exitCode !== null)
  if (child.exitCode !== null) throw new Error(`prometheus ended: ${child.exitCode}`)
  return {
    query: (expr) => ask(base, expr),
    alerts: () => activeAlerts(base),
    discovers,
    async [Symbol.asyncDispose]() {
      child.kill()
      await child.exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function activeAlerts(base: string): Promise<Map<string, string>> {
  const { data } = (await (await fetch(`${base}/api/v1/alerts`)).json()) as {
    data: { alerts: { labels: { alertname: string }; state: string }[] }
  }
  return new Map(data.alerts.map(({ labels, state }) => [labels.alertname, state]))
}

interface Answer {
  status: string
  error?: string
  data?: { result: { value: [number, string] }[] }
}

async function ask(base: string, expr: string): Promise<number[]> {
  const answer = await fetch(`${base}/api/v1/query?query=${encodeURIComponent(expr)}`)
  const { status, error, data } = (await answer.json()) as Answer
  if (status !== 'success') throw new Error(`${expr}: ${error}`)
  return (data?.result ?? []).map(({ value }) => Number(value[1]))
}
