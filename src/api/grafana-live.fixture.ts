/** What Grafana's address for pushes takes, and nothing else. */

/** Fields of one line: measurement, fields, time. */
const LINE = /^([A-Za-z0-9_-]+) price=([-\d.e+]+),volume=([-\d.e+]+),vwap=([-\d.e+]+) (\d+)$/

export interface Got {
  channel: string
  price: number
  volume: number
  vwap: number
  ns: string
}

const parse = (body: string): Got[] =>
  body
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, channel = '', price, volume, vwap, ns = ''] = LINE.exec(line) ?? []
      if (channel === '') throw new Error(`no line protocol: ${line}`)
      return { channel, price: Number(price), volume: Number(volume), vwap: Number(vwap), ns }
    })

/** A Grafana that takes pushes as long as `answer` says so. */
export function grafana(answer: () => Response | Promise<Response> = () => new Response()) {
  const got: Got[] = []
  const headers: (string | null)[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const response = await answer()
      headers.push(request.headers.get('authorization'))
      if (new URL(request.url).pathname !== '/api/live/push/stockpipe') return new Response('', { status: 404 })
      if (response.ok) got.push(...parse(await request.text()))
      return response
    },
  })
  return { got, headers, url: `http://127.0.0.1:${server.port}/`, [Symbol.asyncDispose]: () => server.stop(true) }
}
