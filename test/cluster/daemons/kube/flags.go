package main

const etcdFlags = `--data-dir {root}/etcd --unsafe-no-fsync --log-level warn
 --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379
 --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380
 --initial-cluster default=http://127.0.0.1:2380`

const apiserverFlags = `--etcd-servers http://127.0.0.1:2379 --advertise-address {node} --secure-port {api-port}
 --service-cluster-ip-range {services} --allow-privileged
 --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction
 --client-ca-file {root}/pki/ca.crt
 --tls-cert-file {root}/pki/apiserver.crt --tls-private-key-file {root}/pki/apiserver.key
 --service-account-issuer https://kubernetes.default.svc.cluster.local
 --service-account-key-file {root}/pki/service-accounts.crt
 --service-account-signing-key-file {root}/pki/service-accounts.key
 --kubelet-preferred-address-types InternalIP --kubelet-certificate-authority {root}/pki/ca.crt
 --kubelet-client-certificate {root}/pki/apiserver-to-kubelet.crt
 --kubelet-client-key {root}/pki/apiserver-to-kubelet.key`

const controllerFlags = `--use-service-account-credentials --root-ca-file {root}/pki/ca.crt
 --service-account-private-key-file {root}/pki/service-accounts.key
 --cluster-signing-cert-file {root}/pki/ca.crt --cluster-signing-key-file {root}/pki/ca.key
 --allocate-node-cidrs --cluster-cidr {pods} --node-cidr-mask-size {pod-bits} --service-cluster-ip-range {services} `

// There is one of each, so nobody has to be elected.
func identityFlags(component string) string {
	login := "{root}/pki/" + component
	return "--kubeconfig " + login + " --authentication-kubeconfig " + login + " --authorization-kubeconfig " + login +
		" --bind-address 127.0.0.1 --leader-elect=false"
}

// files of the worker, beside its sockets.
var files = map[string]string{
	"kubelet.yaml": `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "{root}/pki/ca.crt"}}
authorization: {mode: Webhook}
tlsCertFile: "{root}/pki/kubelet-server.crt"
tlsPrivateKeyFile: "{root}/pki/kubelet-server.key"
containerRuntimeEndpoint: "unix://{root}/containerd.sock"
volumePluginDir: "{root}/volume-plugins"
cgroupDriver: cgroupfs
cgroupRoot: "/{group}"
failCgroupV1: false
failSwapOn: false
clusterDomain: cluster.local
clusterDNS: ["{dns}"]
resolvConf: "{root}/resolv.conf"
syncFrequency: 10s
# A tester's disk may be rather full: no image is removed and no pod evicted because of that.
imageGCHighThresholdPercent: 100
evictionHard: {nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", memory.available: 200Mi}
`,
	// Names from outside the cluster do not exist.
	"resolv.conf": "",
	"kube-proxy.yaml": `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clientConnection: {kubeconfig: "{root}/pki/kube-proxy"}
clusterCIDR: "{pods}"
# A setting of the whole machine.
conntrack: {maxPerCore: 0}
`,
	// Scores for the killer of processes cannot be lowered by a root that lacks CAP_SYS_RESOURCE. Profiles of AppArmor would
	// be loaded into the machine and stay there. The driver of control groups is said, for else containerd 2 looks for systemd.
	"containerd.toml": `version = 2
root = "{root}/containerd"
state = "/run/containerd"
[grpc]
  address = "{root}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{root}/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{root}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`,
	"cni/10-bridge.conflist": `{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "{pods}"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
`,
}
