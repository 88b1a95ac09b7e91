package main

import (
	"context"
	"os"
	"path/filepath"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	volumes "sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// folders gives every claim a folder of the node that everybody may write, as Minikube does: no limit of size, and an
// fsGroup that changes nothing.
type folders struct{ root string }

// provision serves claims of the default storage class, in the folder `volumes` beside the kubeconfig.
func provision(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx := context.Background()
	root := filepath.Join(filepath.Dir(kubeconfig), "volumes")
	volumes.NewProvisionController(ctx, client, provisioner, folders{root}, volumes.LeaderElection(false)).Run(ctx)
	return nil
}

func (f folders) Provision(_ context.Context, wanted volumes.ProvisionOptions) (*core.PersistentVolume, volumes.ProvisioningState, error) {
	claim := wanted.PVC
	// The name of the volume is new for each claim, so that a claim made again finds nothing of the former.
	folder := filepath.Join(f.root, wanted.PVName)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, volumes.ProvisioningFinished, err
	}
	// The umask took some of it.
	if err := os.Chmod(folder, 0o777); err != nil {
		return nil, volumes.ProvisioningFinished, err
	}
	kind := core.HostPathDirectory
	spec := core.PersistentVolumeSpec{
		AccessModes:                   claim.Spec.AccessModes,
		Capacity:                      core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
		PersistentVolumeReclaimPolicy: *wanted.StorageClass.ReclaimPolicy,
	}
	spec.HostPath = &core.HostPathVolumeSource{Path: folder, Type: &kind}
	return &core.PersistentVolume{ObjectMeta: meta.ObjectMeta{Name: wanted.PVName}, Spec: spec}, volumes.ProvisioningFinished, nil
}

func (f folders) Delete(_ context.Context, volume *core.PersistentVolume) error {
	return os.RemoveAll(filepath.Join(f.root, volume.Name))
}
