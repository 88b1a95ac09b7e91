package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
)

const (
	prefix     = "stockpipe-test-"
	linkPrefix = "sptest"
	ownSpaces  = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
)

// launch starts a node and stays beside it. When standard input ends, which it does with the process that holds it,
// however that goes, the node is killed and nothing of it is left.
func launch(path string) error {
	s, err := readSettings(path)
	if err != nil {
		return err
	}
	command := exec.Command("/proc/self/exe", "node")
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	// Should this process be killed, the node goes too; what it leaves then is removed by the next launch.
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: ownSpaces, Pdeathsig: syscall.SIGKILL, Setsid: true}
	order, err := command.StdinPipe()
	if err != nil {
		return err
	}
	removeLeftGroups()
	defer clean(s)
	if err := command.Start(); err != nil {
		return fmt.Errorf("namespaces: %w", err)
	}
	go killAtEnd(command.Process)
	if err := prepare(s, command.Process.Pid, order); err != nil {
		_ = command.Process.Kill()
		_ = command.Wait()
		return err
	}
	return command.Wait()
}

func readSettings(path string) (*settings, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &settings{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, err
	}
	if len(s.group()) <= len(prefix) || s.group()[:len(prefix)] != prefix {
		return nil, fmt.Errorf("%s is not a folder of the tests", s.Root)
	}
	return s, nil
}

func killAtEnd(process *os.Process) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		signals <- syscall.SIGTERM
	}()
	<-signals
	_ = process.Kill()
}

// prepare gives the waiting node its end of a link, its identities, and the word to begin.
func prepare(s *settings, pid int, order io.WriteCloser) error {
	if err := link(s, pid); err != nil {
		return fmt.Errorf("link to the node: %w", err)
	}
	if err := writeIdentities(s); err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	about, err := json.Marshal(map[string]any{"pid": pid, "host": s.Host, "address": s.Node})
	if err != nil {
		return err
	}
	// Under its name only when it is whole.
	if err := os.WriteFile(s.path("about.new"), about, 0o600); err != nil {
		return err
	}
	if err := os.Rename(s.path("about.new"), s.path("about.json")); err != nil {
		return err
	}
	if err := json.NewEncoder(order).Encode(s); err != nil {
		return err
	}
	return order.Close()
}

// link connects this machine with the node. The name of the link, which the kernel gives to one only, claims the
// addresses.
func link(s *settings, pid int) error {
	for n := 0; n < 256; n++ {
		name := fmt.Sprintf("%s%d", linkPrefix, n)
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "uplink", PeerNamespace: netlink.NsPid(pid)}
		if err := netlink.LinkAdd(veth); errors.Is(err, syscall.EEXIST) {
			continue
		} else if err != nil {
			return err
		}
		s.Link = name
		s.Host, s.Node = fmt.Sprintf("10.214.%d.1", n), fmt.Sprintf("10.214.%d.2", n)
		return address(name, s.Host)
	}
	return errors.New("256 nodes are here already")
}

func address(name, ip string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	addr, err := netlink.ParseAddr(ip + "/30")
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, addr); err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

// clean removes what is left of a node that ended.
func clean(s *settings) {
	// The kernel would take its time: connections of the killed may keep their network for a minute.
	if link, err := netlink.LinkByName(s.Link); err == nil {
		_ = netlink.LinkDel(link)
	}
	for _, group := range groups(s.group()) {
		removeGroup(group)
	}
	if err := os.RemoveAll(s.Root); err != nil {
		fmt.Fprintln(os.Stderr, "launch:", err)
	}
}

// groups finds the control groups of that name: one for each controller, or the only one of version 2.
func groups(name string) []string {
	one, _ := filepath.Glob("/sys/fs/cgroup/" + name)
	each, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
	return append(one, each...)
}

// Processes that were killed may still count for a moment.
func removeGroup(group string) {
	for attempt := 0; attempt < 100; attempt++ {
		if _, err := os.Stat(group); errors.Is(err, os.ErrNotExist) {
			return
		}
		removeEmptyGroups(group)
		time.Sleep(20 * time.Millisecond)
	}
}

// removeEmptyGroups removes those without processes, deepest first; the others refuse.
func removeEmptyGroups(group string) {
	entries, _ := os.ReadDir(group)
	for _, entry := range entries {
		if entry.IsDir() {
			removeEmptyGroups(filepath.Join(group, entry.Name()))
		}
	}
	_ = syscall.Rmdir(group)
}

// removeLeftGroups removes those of nodes whose launcher was killed: their folder says so, for nobody holds it.
func removeLeftGroups() {
	for _, group := range groups(prefix + "*") {
		removeEmptyGroupsOfTheDead(group)
	}
}

func removeEmptyGroupsOfTheDead(group string) {
	if _, err := os.Stat(filepath.Join(os.TempDir(), filepath.Base(group))); errors.Is(err, os.ErrNotExist) {
		removeEmptyGroups(group)
	}
}
