import { expect, test } from 'bun:test'

import { detectProfile } from './detect.ts'

test.each([
  ['minikube', 'https://192.168.49.2:8443', 'minikube'],
  ['kind-dev', 'https://127.0.0.1:40123', 'minikube'],
  ['gke_project_europe-west1_prices', 'https://34.1.2.3', 'gke'],
  ['arn:aws:eks:eu-west-1:123456789012:cluster/prices', 'https://x.gr7.eu-west-1.eks.amazonaws.com', 'eks'],
  ['prices', 'https://x.gr7.eu-west-1.eks.amazonaws.com', 'eks'],
  ['prices', 'https://prices-dns-1a2b.hcp.westeurope.azmk8s.io:443', 'aks'],
  ['somewhere', 'no address', 'minikube'],
] as const)('%s at %s gets the profile %s', (context, server, profile) => {
  expect(detectProfile({ context, server })).toBe(profile)
})
