/** Which cluster, and as whom: found in the files that kubectl reads too. */
import { KubeConfig } from '@kubernetes/client-node'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

import { nearest } from '../../config/nearest.ts'
import { StockpipeError } from '../../errors.ts'

export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>
  home: string
  /** Where a pod finds the token of its service account. */
  tokenFile: string
}

export interface Wanted {
  /** Null: what the variable KUBECONFIG names, then the file of the home folder, then the pod this runs in. */
  kubeconfig: string | null
  /** Null: the current one. */
  context: string | null
}

export const IN_POD = '/var/run/secrets/kubernetes.io/serviceaccount/token'

/** Throws `config` that says what is missing, and what there is instead. */
export function readKubeconfig(wanted: Wanted, surroundings: Surroundings): KubeConfig {
  const files = filesOf(wanted, surroundings)
  const config = files.length > 0 ? merged(files) : inPod(surroundings)
  choose(config, wanted.context)
  return config
}

/** The files that exist. Throws where one was named and none is there. */
function filesOf({ kubeconfig }: Wanted, { env, home }: Surroundings): string[] {
  if (kubeconfig !== null) {
    if (!existsSync(kubeconfig)) throw noFile([kubeconfig], '--kubeconfig')
    return [kubeconfig]
  }
  const named = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '')
  const found = named.filter((file) => existsSync(file))
  if (named.length > 0 && found.length === 0) throw noFile(named, 'KUBECONFIG')
  const usual = join(home, '.kube', 'config')
  return named.length === 0 && existsSync(usual) ? [usual] : found
}

const noFile = (files: readonly string[], from: string) =>
  new StockpipeError('config', `there is no ${files.join(', nor ')}`, {
    why: `${from} names it`,
    hint: 'name the file that kubectl uses, or none for ~/.kube/config',
  })

/** All files as one: of two entries with a name, the first counts, as for kubectl. The library refuses them. */
function merged(files: readonly string[]): KubeConfig {
  const parts = files.map(read)
  const config = new KubeConfig()
  config.loadFromOptions({
    clusters: firsts(parts.flatMap((part) => part.getClusters())),
    users: firsts(parts.flatMap((part) => part.getUsers())),
    contexts: firsts(parts.flatMap((part) => part.getContexts())),
    currentContext: parts.map((part) => part.getCurrentContext()).find((name) => name),
  })
  return config
}

const firsts = <T extends { name: string }>(entries: readonly T[]): T[] =>
  entries.filter(({ name }, index) => entries.findIndex((entry) => entry.name === name) === index)

function read(file: string): KubeConfig {
  const config = new KubeConfig()
  try {
    config.loadFromFile(file)
    return config
  } catch (error) {
    throw new StockpipeError('config', `cannot read ${file}`, {
      // The text of the file is full of secrets, and a parser shows the line it stumbles over.
      why: error instanceof Error && !(error instanceof TypeError) ? firstLine(error) : 'it is no kubeconfig',
      hint: `kubectl config view --kubeconfig ${file}`,
    })
  }
}

const firstLine = ({ message }: Error): string => (message.split('\n')[0] ?? '').slice(0, 160)

function inPod({ env, tokenFile }: Surroundings): KubeConfig {
  const config = new KubeConfig()
  if (env['KUBERNETES_SERVICE_HOST'] && existsSync(tokenFile)) {
    config.loadFromCluster()
    return config
  }
  throw new StockpipeError('config', 'there is no way to a cluster', {
    why: 'no --kubeconfig, no KUBECONFIG, no ~/.kube/config, and this is no pod',
    hint: 'minikube start, or let your cloud write a kubeconfig (aws eks update-kubeconfig, gcloud container clusters get-credentials, az aks get-credentials)',
  })
}

/** Makes the wanted context the current one, and sees that it is whole. */
function choose(config: KubeConfig, wanted: string | null): void {
  const names = config.getContexts().map(({ name }) => name)
  const name = wanted ?? config.getCurrentContext()
  if (!name)
    throw new StockpipeError('config', 'the kubeconfig has no current context', {
      why: namesOf(names),
      hint: names[0] === undefined ? undefined : `--context ${names[0]}`,
    })
  config.setCurrentContext(name)
  const context = config.getContextObject(name)
  if (context === null)
    throw new StockpipeError('config', `there is no context ${JSON.stringify(name)}`, {
      why: namesOf(names),
      hint: names.length === 0 ? undefined : `--context ${nearest(name, names) ?? names[0]}`,
    })
  if (!context.user) asNobody(config, name)
  for (const [what, part] of [
    ['cluster', config.getCurrentCluster()],
    ['user', config.getCurrentUser()],
  ] as const)
    if (part === null)
      throw new StockpipeError('config', `the context ${name} names a ${what} that the kubeconfig does not have`)
  const cluster = config.getCurrentCluster()
  // The library refuses plain HTTP (`kubectl proxy`) unless certificates are not looked at, which there are none of.
  if (cluster?.server.startsWith('http:')) Object.assign(cluster, { skipTLSVerify: true })
}

/** A context may go without a user. The library would then forget the CA, too. */
function asNobody(config: KubeConfig, context: string): void {
  config.users = [...config.users, { name: '' }]
  config.contexts = config.contexts.map((entry) => (entry.name === context ? { ...entry, user: '' } : entry))
}

const namesOf = (names: readonly string[]): string =>
  names.length === 0 ? 'the kubeconfig has none' : `there are: ${names.join(', ')}`
