/** What the words of nodes, schedulers and controllers mean, and how long each may last. */
interface Rule {
  reason: RegExp
  /** Of an event, in one line; without it any. */
  message?: RegExp
  advice: string
  hopelessAfterMs: number | null
  /** Whether the node waits longer and longer until it tries once more. */
  isBackedOff?: boolean
}

/** What a container's waiting reason means. A pull is tried twice before it counts: registries hiccup. */
export const WAITING: readonly Rule[] = [
  {
    reason: /^(ImagePullBackOff|ErrImagePull|ErrImageNeverPull|InvalidImageName|RegistryUnavailable)$/,
    advice:
      'bring the image to the nodes (minikube image load, kind load docker-image), or --set registry, images, pullSecret',
    hopelessAfterMs: 15_000,
  },
  {
    reason: /^(CreateContainerConfigError|CreateContainerError|RunContainerError)$/,
    advice: 'the named Secret, ConfigMap or command is missing or wrong: run deploy once more, or mend it',
    hopelessAfterMs: 30_000,
  },
]

/** What an event says. Those of a scheduler pass when a node comes; most others when somebody acts. */
export const EVENTS: readonly Rule[] = [
  {
    reason: /^FailedScheduling$/,
    advice: 'free or add capacity, or ask for less by --set; stockpipe deploy check compares both',
    hopelessAfterMs: 90_000,
  },
  {
    reason: /^(FailedMount|FailedAttachVolume)$/,
    message: /\b(secrets?|configmaps?) "[^"]*" not found|references non-existent (secret|config) key/i,
    advice:
      'make the named Secret or ConfigMap, then run deploy again; stockpipe deploy check prints the command for a Secret',
    hopelessAfterMs: 45_000,
    isBackedOff: true,
  },
  {
    reason: /^(FailedMount|FailedAttachVolume)$/,
    advice: 'look at the volume and its driver: kubectl describe pod',
    hopelessAfterMs: null,
  },
  {
    reason: /^FailedCreate$/,
    advice: 'mend what the message names (quota, pod security), then run deploy again',
    hopelessAfterMs: 45_000,
  },
  {
    reason: /^(FailedBinding|ProvisioningFailed)$/,
    advice:
      'make that StorageClass work, then run deploy again; a claim keeps its class: for another one, stockpipe deploy uninstall --delete-data, then --set storageClass=NAME',
    hopelessAfterMs: 45_000,
  },
  { reason: /^Unhealthy$/, advice: 'it may only need time', hopelessAfterMs: null },
]

/** Made by the cluster autoscaler, or by Karpenter (EKS Auto Mode, node provisioning of AKS): the node is on its way. */
export const HELP_COMES = /^(TriggeredScaleUp|Nominated)$/

/** Volumes are mounted before any of these. */
export const STARTS = /^(Pulling|Pulled|Created|Started)$/
