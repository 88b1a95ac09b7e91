import { Hono } from 'hono'
import { compress } from 'hono/compress'

import index from './index.html'

interface Asset {
  /** Below `/`; `/` itself is the page. */
  route: string
  type: string
  body: ArrayBuffer
}

/** Script and style carry a hash in their names. */
const FOREVER = 'public, max-age=31536000, immutable'

/** The live page at `/` and what it loads. Compiled in when built; bundled at start when run from source. */
export async function createPage(): Promise<Hono> {
  const assets = isCompiled(index) ? await compiledAssets(index.files) : await bundledAssets()
  const page = new Hono()
  for (const { route, type, body } of assets) {
    const headers = { 'content-type': type, 'cache-control': route === '/' ? 'no-cache' : FOREVER }
    page.get(route, compress(), (c) => c.body(body, 200, headers))
  }
  return page
}

interface CompiledFile {
  path: string
  headers: Record<string, string>
}

const isCompiled = (page: unknown): page is { files: readonly CompiledFile[] } =>
  typeof page === 'object' && page !== null && 'files' in page && Array.isArray(page.files)

const compiledAssets = (files: readonly CompiledFile[]): Promise<Asset[]> =>
  Promise.all(
    files.map(async ({ path, headers }) => ({
      route: routeOf(path),
      type: headers['content-type'] ?? 'application/octet-stream',
      body: await Bun.file(path).arrayBuffer(),
    })),
  )

async function bundledAssets(): Promise<Asset[]> {
  const { outputs } = await Bun.build({
    entrypoints: [`${import.meta.dir}/index.html`],
    minify: true,
    naming: '[name]-[hash].[ext]',
    define: { 'process.env.NODE_ENV': '"production"' },
  })
  return Promise.all(
    outputs.map(async (output) => ({
      route: routeOf(output.path),
      type: output.type,
      body: await output.arrayBuffer(),
    })),
  )
}

const routeOf = (path: string): string => (path.endsWith('.html') ? '/' : `/${path.split('/').at(-1) ?? ''}`)
