// kube is every daemon of a Kubernetes node in one program, so that it takes one link and a fifth of the disk.
//
//	kube launch SETTINGS     starts a node in namespaces of its own, and ends it when standard input ends
//	kube COMPONENT FLAGS...  one daemon, with the flags that it always has
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// Written here: they take one argument, a file of settings or a kubeconfig.
var ours = map[string]func(string) error{
	"launch":      launch,
	"node":        func(string) error { return node() },
	"provisioner": provision,
	"policies":    enforcePolicies,
}

var theirs = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kube-proxy":              proxy.NewProxyCommand,
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
}

// A child that is to end with its parent ends with the thread that started it: `launch` must stay on this one.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: kube COMPONENT [FLAGS]")
		os.Exit(2)
	}
	component := os.Args[1]
	os.Args = os.Args[1:]
	if component == "etcd" {
		etcdmain.Main(os.Args)
		return
	}
	if command, ok := theirs[component]; ok {
		os.Exit(cli.Run(command()))
	}
	run, ok := ours[component]
	if !ok {
		fmt.Fprintf(os.Stderr, "kube: there is no component %q\n", component)
		os.Exit(2)
	}
	if err := run(append(os.Args, "")[1]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", component, err)
		os.Exit(1)
	}
}
