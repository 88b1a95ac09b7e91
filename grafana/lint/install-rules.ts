/** The rules of the process of Grafana: how it comes to its plugins. */
import type { Rule } from './lint.ts'

/** One container of it, in compose.yaml or as a profile has it. */
export interface Install {
  where: string
  image: string
  /** What has a value of its own here; what comes from a Secret has none. */
  env: Record<string, string>
}

const OLDEST_MINOR = 1

const eachInstall =
  (judge: (install: Install) => string | null): Rule<readonly Install[]> =>
  (installs) =>
    installs.flatMap((install) => {
      const what = judge(install)
      return what === null ? [] : [{ where: install.where, what }]
    })

export const INSTALL_RULES: Readonly<Record<string, Rule<readonly Install[]>>> = {
  // `grafana-oss` gets no new versions, and the Cassandra plugin promises nothing for 13.
  'install-image': eachInstall(({ image }) => {
    const [, minor] = /(?:^|\/)grafana\/grafana:12\.(\d+)\.\d+(?:@|$)/.exec(image) ?? []
    return Number(minor) >= OLDEST_MINOR ? null : `${image} is no grafana/grafana from 12.${OLDEST_MINOR} on, below 13`
  }),

  // Before the files are read: the others install while Grafana serves, and panels have no plugin until then.
  'install-sync': eachInstall(({ env }) => {
    const other = ['GF_PLUGINS_PREINSTALL', 'GF_PLUGINS_PREINSTALL_ASYNC', 'GF_INSTALL_PLUGINS'].find(
      (name) => env[name] !== undefined,
    )
    if (other !== undefined) return `installs by ${other} instead of GF_PLUGINS_PREINSTALL_SYNC`
    const plugins = (env['GF_PLUGINS_PREINSTALL_SYNC'] ?? '').split(',')
    const bad = plugins.find((plugin) => !/^[a-z0-9-]+@\d+\.\d+\.\d+$/.test(plugin))
    return bad === undefined ? null : `GF_PLUGINS_PREINSTALL_SYNC: "${bad}" is no id@version`
  }),

  // That leaves out the list above, too.
  'install-disabled': eachInstall(({ env }) =>
    isOff(env['GF_PLUGINS_PREINSTALL_DISABLED']) ? null : 'GF_PLUGINS_PREINSTALL_DISABLED would leave out our plugins',
  ),

  // Both are signed: whoever needs this has others.
  'install-signed': eachInstall(({ env }) =>
    isOff(env['GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS'])
      ? null
      : 'GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS lets in what nobody signed',
  ),
}

const isOff = (value = ''): boolean => value === '' || value === 'false'
