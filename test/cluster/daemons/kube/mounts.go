package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Settings of the whole machine that a kubelet changes unless they are as it wants: it is shown these instead.
var shown = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// Settings of the node's own network.
var tuned = map[string]string{
	"net/ipv4/ip_forward":                "1",
	"net/bridge/bridge-nf-call-iptables": "1",
}

// mounts lets the daemons write where they always do, without a trace outside.
func mounts(s *settings) error {
	// What the kubelet mounts must come to be in the containers, too.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		return fmt.Errorf("shared mounts: %w", err)
	}
	for _, folder := range []string{"/var/lib", "/var/log"} {
		if err := overlay(s, folder); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
	}
	// Volumes lie here, on the disk itself.
	if err := os.MkdirAll("/var/lib/kubelet", 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(s.path("kubelet"), "/var/lib/kubelet", "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("/var/lib/kubelet: %w", err)
	}
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("/run: %w", err)
	}
	if err := os.Mkdir("/run/netns", 0o755); err != nil {
		return err
	}
	for key, value := range shown {
		if err := show(s, key, value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	for key, value := range tuned {
		if err := os.WriteFile(filepath.Join("/proc/sys", key), []byte(value), 0); err != nil {
			return fmt.Errorf("%s (is the module br_netfilter missing?): %w", key, err)
		}
	}
	return nil
}

// overlay keeps what is written to the folder in the node's own.
func overlay(s *settings, folder string) error {
	name := "over" + strings.ReplaceAll(folder, "/", "-")
	upper, work := s.path(name, "upper"), s.path(name, "work")
	for _, made := range []string{upper, work} {
		if err := os.MkdirAll(made, 0o755); err != nil {
			return err
		}
	}
	return syscall.Mount("overlay", folder, "overlay", 0, "lowerdir="+folder+",upperdir="+upper+",workdir="+work)
}

func show(s *settings, key, value string) error {
	file := s.path("shown-" + strings.ReplaceAll(key, "/", "-"))
	if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
		return err
	}
	return syscall.Mount(file, filepath.Join("/proc/sys", key), "", syscall.MS_BIND, "")
}
