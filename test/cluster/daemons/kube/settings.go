package main

import (
	"path/filepath"
	"strings"
)

// Each node has a network of its own, so these may be the same for all of them.
const (
	apiPort     = "6443"
	serviceNet  = "10.96.0.0/16"
	serviceAPI  = "10.96.0.1"
	serviceDNS  = "10.96.0.10"
	podNet      = "10.244.0.0/24"
	podNetBits  = "24"
	pauseImage  = "localhost/stockpipe-test-pause:1"
	provisioner = "k8s.io/minikube-hostpath"
)

// settings of one node, as the launcher of the tests writes them.
type settings struct {
	// Name of node, cluster and context.
	Name string
	// Everything of this node, gone with it. Short, for it holds unix sockets.
	Root string
	// Whether there is a kubelet and what belongs to it, or the control plane alone.
	Full bool
	// Whether NetworkPolicy objects do anything.
	Policies bool
	// Folder of the plug-ins for container networks.
	CNI string
	// Archives of the images that the node itself runs.
	Images []string

	// The link between this machine and the node, and the addresses of its ends; `launch` fills them in.
	Link, Host, Node string
}

func (s *settings) path(names ...string) string {
	return filepath.Join(append([]string{s.Root}, names...)...)
}

// The group of all containers. Named like the folder, which no other node has.
func (s *settings) group() string { return filepath.Base(s.Root) }

func (s *settings) server() string { return "https://" + s.Node + ":" + apiPort }

// expand fills in `{root}` and the like.
func (s *settings) expand(text string) string {
	return strings.NewReplacer("{root}", s.Root, "{name}", s.Name, "{node}", s.Node, "{group}", s.group(),
		"{cni}", s.CNI, "{api-port}", apiPort, "{services}", serviceNet, "{dns}", serviceDNS,
		"{pods}", podNet, "{pod-bits}", podNetBits, "{pause}", pauseImage).Replace(text)
}
