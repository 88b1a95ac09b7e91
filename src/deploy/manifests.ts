/** The files of manifests/, as text, so that they are in the executable. */
import apiGateway from '../../manifests/components/api-gateway/gateway.yaml' with { type: 'text' }
import apiGatewayPolicy from '../../manifests/components/api-gateway/network-policy.yaml' with { type: 'text' }
import apiIngress from '../../manifests/components/api-ingress/ingress.yaml' with { type: 'text' }
import apiIngressPolicy from '../../manifests/components/api-ingress/network-policy.yaml' with { type: 'text' }
import apiBalancerPolicy from '../../manifests/components/api-load-balancer/network-policy.yaml' with { type: 'text' }
import apiBalancer from '../../manifests/components/api-load-balancer/service.yaml' with { type: 'text' }
import hpa from '../../manifests/components/autoscale-hpa/autoscaler.yaml' with { type: 'text' }
import hpaProcessor from '../../manifests/components/autoscale-hpa/processor.yaml' with { type: 'text' }
import keda from '../../manifests/components/autoscale-keda/autoscaler.yaml' with { type: 'text' }
import kedaProcessor from '../../manifests/components/autoscale-keda/processor.yaml' with { type: 'text' }
import budgets from '../../manifests/components/disruption-budgets/disruption-budgets.yaml' with { type: 'text' }
import finnhubConfig from '../../manifests/components/finnhub/config.yaml' with { type: 'text' }
import finnhubPolicy from '../../manifests/components/finnhub/network-policy.yaml' with { type: 'text' }
import finnhubProducer from '../../manifests/components/finnhub/producer.yaml' with { type: 'text' }
import finnhubSecret from '../../manifests/components/finnhub/secret.yaml' with { type: 'text' }
import liveApi from '../../manifests/components/grafana-live/api.yaml' with { type: 'text' }
import livePolicies from '../../manifests/components/grafana-live/network-policy.yaml' with { type: 'text' }
import kafdrop from '../../manifests/components/kafdrop/kafka-ui.yaml' with { type: 'text' }
import operatorMonitor from '../../manifests/components/monitoring-operator/service-monitor.yaml' with { type: 'text' }
import operatorRule from '../../manifests/components/monitoring-operator/prometheus-rule.yaml' with { type: 'text' }
import operatorRoles from '../../manifests/components/monitoring-operator/roles.yaml' with { type: 'text' }
import monitoringGrafana from '../../manifests/components/monitoring/grafana.yaml' with { type: 'text' }
import monitoringPolicy from '../../manifests/components/monitoring/network-policy.yaml' with { type: 'text' }
import monitoringRoles from '../../manifests/components/monitoring/roles.yaml' with { type: 'text' }
import api from '../../manifests/base/api.yaml' with { type: 'text' }
import cassandra from '../../manifests/base/cassandra.yaml' with { type: 'text' }
import config from '../../manifests/base/config.yaml' with { type: 'text' }
import grafana from '../../manifests/base/grafana.yaml' with { type: 'text' }
import kafka from '../../manifests/base/kafka.yaml' with { type: 'text' }
import kafkaUi from '../../manifests/base/kafka-ui.yaml' with { type: 'text' }
import namespace from '../../manifests/base/namespace.yaml' with { type: 'text' }
import networkPolicies from '../../manifests/base/network-policies.yaml' with { type: 'text' }
import processor from '../../manifests/base/processor.yaml' with { type: 'text' }
import producer from '../../manifests/base/producer.yaml' with { type: 'text' }
import secrets from '../../manifests/base/secrets.yaml' with { type: 'text' }
import serviceAccounts from '../../manifests/base/service-accounts.yaml' with { type: 'text' }
import setup from '../../manifests/base/setup.yaml' with { type: 'text' }
import aksStorage from '../../manifests/overlays/aks/storage.yaml' with { type: 'text' }
import aksZones from '../../manifests/overlays/aks/zones.yaml' with { type: 'text' }
import eksStorage from '../../manifests/overlays/eks/storage.yaml' with { type: 'text' }
import eksZones from '../../manifests/overlays/eks/zones.yaml' with { type: 'text' }
import gkeStorage from '../../manifests/overlays/gke/storage.yaml' with { type: 'text' }
import gkeZones from '../../manifests/overlays/gke/zones.yaml' with { type: 'text' }
import haCassandra from '../../manifests/overlays/ha/cassandra.yaml' with { type: 'text' }
import haConfig from '../../manifests/overlays/ha/config.yaml' with { type: 'text' }
import haKafka from '../../manifests/overlays/ha/kafka.yaml' with { type: 'text' }
import haSetup from '../../manifests/overlays/ha/setup.yaml' with { type: 'text' }
import haRoles from '../../manifests/overlays/ha/roles.yaml' with { type: 'text' }

/** Each list as in the kustomization.yaml beside the files; a test compares what comes out. */
export const BASE: readonly string[] = [
  namespace,
  config,
  secrets,
  serviceAccounts,
  networkPolicies,
  kafka,
  cassandra,
  setup,
  producer,
  processor,
  api,
  grafana,
  kafkaUi,
]

const ha = [budgets, haConfig, haKafka, haCassandra, haSetup, haRoles]
export const OVERLAYS = {
  minikube: [],
  ha,
  eks: [...ha, eksStorage, eksZones],
  gke: [...ha, gkeStorage, gkeZones],
  aks: [...ha, aksStorage, aksZones],
} as const satisfies Readonly<Record<string, readonly string[]>>

export const COMPONENTS = {
  finnhub: [finnhubSecret, finnhubPolicy, finnhubConfig, finnhubProducer],
  'grafana-live': [livePolicies, liveApi],
  kafdrop: [kafdrop],
  'disruption-budgets': [budgets],
  'autoscale-hpa': [hpa, hpaProcessor],
  'autoscale-keda': [keda, kedaProcessor],
  'api-load-balancer': [apiBalancerPolicy, apiBalancer],
  'api-ingress': [apiIngress, apiIngressPolicy],
  'api-gateway': [apiGateway, apiGatewayPolicy],
  monitoring: [monitoringPolicy, monitoringRoles, monitoringGrafana],
  'monitoring-operator': [operatorMonitor, operatorRule, operatorRoles],
} as const satisfies Readonly<Record<string, readonly string[]>>

export type ProfileName = keyof typeof OVERLAYS
export type ComponentName = keyof typeof COMPONENTS
