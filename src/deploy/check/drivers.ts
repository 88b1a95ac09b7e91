/** Who makes the volumes of a StorageClass. */
import { StockpipeError } from '../../errors.ts'
import type { Cluster } from '../cluster.ts'
import { textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'

/** What was built into Kubernetes once is done by these since; the names of the classes stayed (KEP 625). */
const SUCCESSORS: ReadonlyMap<string, string> = new Map([
  ['kubernetes.io/aws-ebs', 'ebs.csi.aws.com'],
  ['kubernetes.io/gce-pd', 'pd.csi.storage.gke.io'],
  ['kubernetes.io/azure-disk', 'disk.csi.azure.com'],
  ['kubernetes.io/azure-file', 'file.csi.azure.com'],
  ['kubernetes.io/cinder', 'cinder.csi.openstack.org'],
  ['kubernetes.io/vsphere-volume', 'csi.vsphere.vmware.com'],
  ['kubernetes.io/portworx-volume', 'pxd.portworx.com'],
])

/** A driver may be called anything; most say what they are. Others are not known to be drivers, and not looked for. */
const IS_DRIVER = /(^|[.-])csi([.-]|$)/

/** Names of the drivers that are installed; null where we may not look. */
export async function installedDrivers(cluster: Cluster): Promise<ReadonlySet<string> | null> {
  try {
    const found = await cluster.list({ apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver' })
    return new Set(found.map(({ metadata }) => metadata.name))
  } catch (error) {
    if (error instanceof StockpipeError && error.code === 'forbidden') return null
    throw error
  }
}

/** Null where the class needs none, as far as its provisioner says. */
export function driverOf(storageClass: KubeObject): string | null {
  const provisioner = textAt(storageClass, 'provisioner')
  return SUCCESSORS.get(provisioner) ?? (IS_DRIVER.test(provisioner) ? provisioner : null)
}
