package main

import (
	"fmt"
	"sort"
	"strings"

	core "k8s.io/api/core/v1"
	net "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// world is what rules depend on, in a fixed order.
type world struct {
	pods       []*core.Pod
	namespaces map[string]labels.Set
	policies   []*net.NetworkPolicy
}

func newWorld(pods []*core.Pod, namespaces []*core.Namespace, policies []*net.NetworkPolicy) world {
	w := world{namespaces: map[string]labels.Set{}, policies: append([]*net.NetworkPolicy{}, policies...)}
	for _, pod := range pods {
		if hasAddress(pod) {
			w.pods = append(w.pods, pod)
		}
	}
	for _, namespace := range namespaces {
		w.namespaces[namespace.Name] = namespace.Labels
	}
	sort.Slice(w.pods, func(i, j int) bool { return w.pods[i].Status.PodIP < w.pods[j].Status.PodIP })
	sort.Slice(w.policies, func(i, j int) bool {
		a, b := w.policies[i], w.policies[j]
		return a.Namespace+"/"+a.Name < b.Namespace+"/"+b.Name
	})
	return w
}

// Of its own: pods of the host network are the node, and those that ended may have left their address to others.
func hasAddress(pod *core.Pod) bool {
	ended := pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed
	return !ended && !pod.Spec.HostNetwork && pod.Status.PodIP != ""
}

// table is a script for nft that makes the table anew. A pod that policies select for a direction has a chain: what
// none of their rules lets pass is dropped there. The hooks see packets after service addresses became those of pods.
// What the node itself sends is never looked at, for it may reach every pod: probes and port-forward depend on it.
func (w world) table() string {
	var chains strings.Builder
	egress := w.chains(&chains, net.PolicyTypeEgress)
	ingress := w.chains(&chains, net.PolicyTypeIngress)
	const answers = "    ct state established,related accept\n"
	return "table ip policies\ndelete table ip policies\ntable ip policies {\n" + chains.String() +
		"  chain forward {\n    type filter hook forward priority mangle; policy accept;\n" + answers +
		dispatch("saddr", egress) + dispatch("daddr", ingress) + "  }\n" +
		"  chain input {\n    type filter hook input priority mangle; policy accept;\n" + answers +
		dispatch("saddr", egress) + "  }\n}\n"
}

func dispatch(field string, chains []string) string {
	if len(chains) == 0 {
		return ""
	}
	return fmt.Sprintf("    ip %s vmap { %s }\n", field, strings.Join(chains, ", "))
}

// chains writes those of one direction, and says for which addresses they are.
func (w world) chains(out *strings.Builder, direction net.PolicyType) (addresses []string) {
	for _, pod := range w.pods {
		rules, isSelected := w.rulesFor(pod, direction)
		if !isSelected {
			continue
		}
		name := strings.ToLower(string(direction)) + "-" + strings.ReplaceAll(pod.Status.PodIP, ".", "-")
		fmt.Fprintf(out, "  chain %s {\n", name)
		// A pod may always reach itself, by way of its service, too.
		fmt.Fprintf(out, "    ip %s %s return\n", far(direction), pod.Status.PodIP)
		for _, rule := range rules {
			fmt.Fprintf(out, "    %s return\n", rule)
		}
		fmt.Fprintf(out, "    drop\n  }\n")
		addresses = append(addresses, pod.Status.PodIP+" : jump "+name)
	}
	return addresses
}

// far is the field that holds the address of the other side.
func far(direction net.PolicyType) string {
	if direction == net.PolicyTypeEgress {
		return "daddr"
	}
	return "saddr"
}

func (w world) rulesFor(pod *core.Pod, direction net.PolicyType) (rules []string, isSelected bool) {
	for _, policy := range w.policies {
		if policy.Namespace != pod.Namespace || !selects(&policy.Spec.PodSelector, pod.Labels) || !isAbout(policy, direction) {
			continue
		}
		isSelected = true
		if direction == net.PolicyTypeEgress {
			for _, rule := range policy.Spec.Egress {
				rules = append(rules, w.matches(side{pod, direction}, rule.To, rule.Ports)...)
			}
			continue
		}
		for _, rule := range policy.Spec.Ingress {
			rules = append(rules, w.matches(side{pod, direction}, rule.From, rule.Ports)...)
		}
	}
	return rules, isSelected
}

// The API server fills the types in where they were left out.
func isAbout(policy *net.NetworkPolicy, direction net.PolicyType) bool {
	for _, each := range policy.Spec.PolicyTypes {
		if each == direction {
			return true
		}
	}
	return false
}

// side is the pod whose policy it is, and the direction seen from there.
type side struct {
	pod       *core.Pod
	direction net.PolicyType
}

// matches turns one rule into matches of packets: each peer with each port.
func (w world) matches(of side, peers []net.NetworkPolicyPeer, ports []net.NetworkPolicyPort) (out []string) {
	field := "ip " + far(of.direction) + " "
	if len(peers) == 0 {
		// With no peer known, only the selected pod itself can say what a name of a port means.
		var destination *core.Pod
		if of.direction == net.PolicyTypeIngress {
			destination = of.pod
		}
		return withPorts("", destination, ports)
	}
	for _, peer := range peers {
		if peer.IPBlock != nil {
			match, isIPv4 := blockMatch(field, peer.IPBlock)
			if !isIPv4 {
				continue
			}
			destination := of.pod
			if of.direction == net.PolicyTypeEgress {
				destination = nil
			}
			out = append(out, withPorts(match, destination, ports)...)
			continue
		}
		for _, other := range w.pods {
			if !w.isPeer(peer, other, of.pod.Namespace) {
				continue
			}
			destination := other
			if of.direction == net.PolicyTypeIngress {
				destination = of.pod
			}
			out = append(out, withPorts(field+other.Status.PodIP, destination, ports)...)
		}
	}
	return out
}

// blockMatch knows IPv4 alone, as all of this cluster.
func blockMatch(field string, block *net.IPBlock) (match string, isIPv4 bool) {
	if strings.Contains(block.CIDR, ":") {
		return "", false
	}
	match = field + block.CIDR
	for _, except := range block.Except {
		match += " " + field + "!= " + except
	}
	return match, true
}

func (w world) isPeer(peer net.NetworkPolicyPeer, pod *core.Pod, namespace string) bool {
	if peer.PodSelector != nil && !selects(peer.PodSelector, pod.Labels) {
		return false
	}
	if peer.NamespaceSelector == nil {
		return pod.Namespace == namespace
	}
	names, isKnown := w.namespaces[pod.Namespace]
	return isKnown && selects(peer.NamespaceSelector, names)
}

func selects(selector *meta.LabelSelector, of map[string]string) bool {
	s, err := meta.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(of))
}

func withPorts(match string, destination *core.Pod, ports []net.NetworkPolicyPort) (out []string) {
	if len(ports) == 0 {
		return []string{match}
	}
	for _, port := range ports {
		if text, isKnown := portMatch(port, destination); isKnown {
			out = append(out, strings.TrimSpace(match+" "+text))
		}
	}
	return out
}

func portMatch(port net.NetworkPolicyPort, destination *core.Pod) (match string, isKnown bool) {
	protocol := core.ProtocolTCP
	if port.Protocol != nil {
		protocol = *port.Protocol
	}
	word := strings.ToLower(string(protocol))
	switch {
	case port.Port == nil:
		return "ip protocol " + word, true
	case port.Port.Type == intstr.String:
		number := namedPort(destination, port.Port.StrVal, protocol)
		return fmt.Sprintf("%s dport %d", word, number), number != 0
	case port.EndPort != nil:
		return fmt.Sprintf("%s dport %d-%d", word, port.Port.IntVal, *port.EndPort), true
	default:
		return fmt.Sprintf("%s dport %d", word, port.Port.IntVal), true
	}
}

// namedPort is 0 where the pod has no port of that name.
func namedPort(pod *core.Pod, name string, protocol core.Protocol) int32 {
	if pod == nil {
		return 0
	}
	for _, container := range append(append([]core.Container{}, pod.Spec.Containers...), pod.Spec.InitContainers...) {
		for _, port := range container.Ports {
			if port.Name == name && (port.Protocol == protocol || (port.Protocol == "" && protocol == core.ProtocolTCP)) {
				return port.ContainerPort
			}
		}
	}
	return 0
}
