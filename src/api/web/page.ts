import { Hono } from 'hono'

import index from './index.html'

interface Asset {
  path: string
  type: string
  body: Blob
}

const IMMUTABLE = 'public, max-age=31536000, immutable'

/** The live page at `/` and its script and style. Compiled in when built; bundled at start when run from source. */
export async function createPage(): Promise<Hono> {
  const assets = isCompiled(index) ? await compiledAssets(index.files) : await bundledAssets()
  const page = new Hono()
  for (const { path, type, body } of assets) {
    const route = path === '/index.html' ? '/' : path
    const headers = { 'content-type': type, 'cache-control': route === '/' ? 'no-cache' : IMMUTABLE }
    page.get(route, (c) => c.body(body.stream(), 200, headers))
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
      path: `/${path.split('/').at(-1) ?? ''}`.replace(/^\/index(-\w+)?\.html$/, '/index.html'),
      type: headers['content-type'] ?? 'application/octet-stream',
      body: await whole(Bun.file(path)),
    })),
  )

async function bundledAssets(): Promise<Asset[]> {
  const built = await Bun.build({
    entrypoints: [`${import.meta.dir}/index.html`],
    minify: true,
    naming: '[name]-[hash].[ext]',
  })
  return Promise.all(
    built.outputs.map(async (output) => ({
      path: output.path.endsWith('.html') ? '/index.html' : `/${output.path.split('/').at(-1) ?? ''}`,
      type: output.type,
      body: await whole(output),
    })),
  )
}

const whole = async (file: Blob): Promise<Blob> => new Blob([await file.arrayBuffer()])
