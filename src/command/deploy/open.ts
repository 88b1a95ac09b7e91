import { integer, truth } from '../../config/value.ts'
import { type Page, PAGES } from '../../deploy/observe/open.ts'
import { local, plainCommand } from '../command.ts'
import { TARGET } from './flags.ts'

const NAMES = Object.keys(PAGES) as Page[]

export const deployOpenCommand = plainCommand({
  name: 'deploy',
  sub: 'open',
  describe: 'A page of the cluster on this machine, until Ctrl-C',
  examples: [
    ['stockpipe deploy open grafana', 'the dashboards, and how to log in'],
    ['stockpipe deploy open api --port 9000', 'the live page and the API, at that port'],
  ],
  positional: { name: 'page', describe: 'Which page', choices: NAMES, isRequired: true },
  local: {
    ...TARGET,
    port: local(
      integer({ min: 1, max: 65_535 }),
      null,
      'Port on this machine; without it: the usual one, or a free one',
    ),
    browser: local(truth, true, 'Show it in the browser; --no-browser only prints the address'),
  },
  async run({ values, positional, print, secrets }) {
    const { openSession } = await import('./session.ts')
    const { openPage } = await import('../../deploy/observe/open.ts')
    const { loginWords } = await import('../../deploy/observe/grafana-login.ts')
    const { showInBrowser } = await import('./browser.ts')
    using session = openSession(values, secrets)
    const page = positional as Page
    const login = page === 'grafana' ? await loginWords(session) : ''
    const opened = (url: string) => {
      void print(`${page}: ${url} (Ctrl-C ends it)\n${login}`)
      if (values.browser) showInBrowser(url)
    }
    await openPage({ ...session, page, localPort: values.port, opened })
    return 0
  },
})
