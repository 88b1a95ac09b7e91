/** The API's documentation as one plain page, rendered from its OpenAPI description: no script, no network. */
import { html, raw } from 'hono/html'
import type { generateSpecs } from 'hono-openapi'

export type Spec = Awaited<ReturnType<typeof generateSpecs>>
type Operation = NonNullable<NonNullable<Spec['paths'][string]>['get']>
type Html = ReturnType<typeof html>

export function docsPage(spec: Spec): Html {
  const operations = Object.entries(spec.paths).flatMap(([path, item]) => (item?.get ? [{ path, ...item.get }] : []))
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${spec.info.title} API</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/docs.css" />
      </head>
      <body>
        <h1>${spec.info.title} <small>${spec.info.version}</small></h1>
        <p>${prose(spec.info.description)} <a href="/openapi.json">openapi.json</a></p>
        ${spec.tags.map(
          (tag) =>
            html`<h2>${tag.description ?? tag.name}</h2>
              ${operations.filter(({ tags }) => tags?.includes(tag.name)).map(operation)}`,
        )}
        <h2>Rows</h2>
        ${Object.entries(spec.components.schemas ?? {}).map(([name, schema]) => rowTable(name, schema))}
      </body>
    </html>`
}

function operation({ path, summary, description, parameters, responses }: Operation & { path: string }): Html {
  return html`<details id="${path}">
    <summary><code>GET ${path}</code> ${summary}</summary>
    ${description === undefined ? '' : html`<p>${prose(description)}</p>`}
    ${
      (parameters?.length ?? 0) === 0
        ? ''
        : html`<table>
            ${parameters?.map(parameter)}
          </table>`
    }
    <p>
      ${Object.entries(responses ?? {}).map(([status, response]) => html`<b>${status}</b> ${describe(response)}<br />`)}
    </p>
    <p><a href="${path}">${path}</a></p>
  </details>`
}

const describe = (response: object): Html => prose('description' in response ? String(response.description) : '')

function parameter(parameter: NonNullable<Operation['parameters']>[number]): Html {
  if ('$ref' in parameter) return html``
  const schema: object = parameter.schema ?? {}
  const choices = 'enum' in schema && Array.isArray(schema.enum) ? schema.enum.join(' | ') : ''
  const fallback = 'default' in schema ? `default ${String(schema.default)}` : parameter.required ? 'required' : ''
  return html`<tr>
    <td><code>${parameter.name}</code></td>
    <td>${prose(parameter.description ?? '')} ${choices && html`<code>${choices}</code>`}</td>
    <td>${fallback}</td>
  </tr>`
}

function rowTable(name: string, schema: object): Html {
  const properties = 'properties' in schema ? Object.entries(schema.properties ?? {}) : []
  return html`<details>
    <summary><code>${name}</code></summary>
    <table>
      ${properties.map(
        ([column, type]) =>
          html`<tr>
            <td><code>${column}</code></td>
            <td>${describe(Object(type))}</td>
          </tr>`,
      )}
    </table>
  </details>`
}

/** Backquotes become code; all else is escaped. */
function prose(text: string): Html {
  const parts = text.split('`')
  return html`${parts.map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`
}

export const docsStyle = raw(`:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
h1 small { font-weight: normal; opacity: 0.6 }
h2 { margin-top: 2rem; font-size: 1.1rem }
details { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: 0.4rem 0 }
summary { cursor: pointer }
table { border-collapse: collapse; width: 100% }
td { padding: 0.25rem 0.75rem 0.25rem 0; vertical-align: top }
code { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere }
`).toString()
