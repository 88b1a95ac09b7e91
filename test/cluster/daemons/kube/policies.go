package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// enforcePolicies keeps a table of nftables as the NetworkPolicy objects want it, for the pods of the only node, IPv4.
// The library of the Kubernetes project for this needs queues from nftables to user space, which some kernels lack.
func enforcePolicies(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, namespaces := factory.Core().V1().Pods(), factory.Core().V1().Namespaces()
	policies := factory.Networking().V1().NetworkPolicies()
	changes := make(chan struct{}, 1)
	for _, informer := range []cache.SharedIndexInformer{pods.Informer(), namespaces.Informer(), policies.Informer()} {
		if _, err := informer.AddEventHandler(noting(changes)); err != nil {
			return err
		}
	}
	ctx := context.Background()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	state := func() (world, error) {
		p, err := pods.Lister().List(labels.Everything())
		if err != nil {
			return world{}, err
		}
		n, err := namespaces.Lister().List(labels.Everything())
		if err != nil {
			return world{}, err
		}
		all, err := policies.Lister().List(labels.Everything())
		return newWorld(p, n, all), err
	}
	return keep(state, changes)
}

func noting(changes chan<- struct{}) cache.ResourceEventHandlerFuncs {
	note := func(any) {
		select {
		case changes <- struct{}{}:
		default: // One is waiting already.
		}
	}
	return cache.ResourceEventHandlerFuncs{AddFunc: note, DeleteFunc: note, UpdateFunc: func(_, after any) { note(after) }}
}

// keep loads the table whenever it becomes another one.
func keep(state func() (world, error), changes <-chan struct{}) error {
	loaded := ""
	for range changes {
		now, err := state()
		if err != nil {
			return err
		}
		if table := now.table(); table != loaded {
			if err := load(table); err != nil {
				return err
			}
			loaded = table
			fmt.Fprintf(os.Stderr, "%s\n%s\n", time.Now().Format(time.StampMilli), table)
		}
		// What changes together is loaded together.
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// load replaces the table as a whole, in one step.
func load(table string) error {
	command := exec.Command("nft", "-f", "-")
	command.Stdin = strings.NewReader(table)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		return fmt.Errorf("nft: %w: %s\n%s", err, out.String(), table)
	}
	return nil
}
