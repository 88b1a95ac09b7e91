/** Commands of other programs in the middle of sentences of the manual: ours are read by test/manual.test.ts. */
import { join } from 'node:path'

import { PAGES, ROOT } from './blocks.ts'

export interface Inline {
  page: string
  line: string
}

/** Programs that a reader has or gets; a word alone is only named. */
const PROGRAMS =
  /^(?:aws|az|bun|chronyc|cp|cqlsh|curl|docker|gcloud|helm|kind|kubectl|minikube|mv|nodetool|npm|npx|openssl|pip|promtool|python3|skopeo|ssh|tar|terraform|timedatectl|wget) \S/

export async function inlineCommands(): Promise<Inline[]> {
  const pages = await Promise.all(
    PAGES.map(async (page) => {
      const text = (await Bun.file(join(ROOT, page)).text()).replaceAll(/^ *```[^]*?^ *```/gm, '')
      return [...text.matchAll(/`([^`\n]+)`/g)].map(([, line = '']) => ({ page, line }))
    }),
  )
  return pages.flat().filter(({ line }) => PROGRAMS.test(line))
}

/** Looked at by kubectl and a real API server, in test/kubectl.test.ts. */
export const BY_KUBECTL = [
  'kubectl apply -f manifests/overlays/eks/storage-class.yaml',
  'kubectl describe resourcequota -n pipeline',
  'kubectl get pods -n pipeline',
  'kubectl get pods -o yaml',
  'kubectl get secrets -n pipeline -o yaml',
  'kubectl get storageclass',
]

/** Neither run nor read, and why. */
export const UNREAD: Readonly<Record<string, string>> = {
  'aws eks get-token': 'named: a kubeconfig of EKS calls it',
  'az aks update --attach-acr': 'named: its other words are those of an account',
  'chronyc tracking': 'asks the clock of the machine, where chrony is',
  'curl .../v1/latest': 'its address stands for another',
  'docker build --tag stockpipe:0.1.0 .': 'needs a Docker engine; test/image.test.ts looks at the Dockerfile',
  'docker buildx imagetools inspect ipushc/cassandra-web:v1.1.5': 'needs Docker, and the registry',
  'docker run --rm apache/superset:6.1.0 python --version': 'needs a Docker engine',
  'helm install prometheus-adapter prometheus-adapter --repo https://prometheus-community.github.io/helm-charts --namespace monitoring --values examples/prometheus-adapter/values.yaml':
    'needs Helm and its charts; test/examples.test.ts reads the values',
  'kind load docker-image': 'named; needs kind',
  'kubectl describe': 'named: the pod is the one at hand',
  'kubectl create secret': 'named: `deploy check` prints the whole of it, which test/deploy-rights.test.ts runs',
  'kubectl create secret generic': 'named: the line above it has the words',
  'kubectl create secret generic NAME --dry-run=client -o yaml --from-literal=... | kubeseal -o yaml':
    'needs the controller of Sealed Secrets',
  'kubectl exec': 'named: the commands are in the block below it',
  'kubectl port-forward -n pipeline service/grafana 3000:3000':
    'needs a pod of Grafana, whose image no test can have; test/manifests has name and port',
  'minikube image load': 'named; needs Minikube',
  'minikube start': 'named; needs Minikube',
  'minikube start --memory 8g': 'needs Minikube',
  'skopeo copy docker://docker.io/apache/kafka:4.3.1 docker://.../apache/kafka:4.3.1': "needs a registry of one's own",
  'ssh -L': 'named: the banner of `stockpipe run` prints the whole of it',
  'terraform apply': 'needs an account of AWS',
  'terraform destroy': 'needs what Terraform made',
  'timedatectl set-ntp true': 'changes the machine',
}
