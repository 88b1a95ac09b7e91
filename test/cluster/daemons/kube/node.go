package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const patience = 2 * time.Minute

// daemons of this node by process id.
type daemons struct {
	s    *settings
	name map[int]string
}

// node is process 1 of the node: it makes the node's view of the machine, starts the daemons and outlives them all.
// When it ends, the kernel kills every other process of the node.
func node() error {
	s := &settings{}
	// Here it waits until `launch` has linked it.
	if err := json.NewDecoder(os.Stdin).Decode(s); err != nil {
		return err
	}
	if err := separate(s); err != nil {
		return err
	}
	d := &daemons{s: s, name: map[int]string{}}
	if err := d.controlPlane(); err != nil {
		return err
	}
	if s.Full {
		if err := d.worker(); err != nil {
			return err
		}
	}
	return d.outlive()
}

// separate makes mounts, processes, names and network the node's own.
func separate(s *settings) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	if err := syscall.Sethostname([]byte(s.Name)); err != nil {
		return err
	}
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return err
	}
	if err := address("uplink", s.Node); err != nil {
		return err
	}
	gateway, err := netlink.ParseAddr(s.Host + "/32")
	if err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{Gw: gateway.IP})
}

func (d *daemons) controlPlane() error {
	etcd, err := d.start("etcd", etcdFlags)
	if err != nil {
		return err
	}
	server, err := d.start("kube-apiserver", apiserverFlags)
	if err != nil {
		return err
	}
	if err := d.until("the API server answers", []int{etcd, server}, d.answers()); err != nil {
		return err
	}
	if _, err := d.start("kube-controller-manager", controllerFlags+identityFlags("kube-controller-manager")); err != nil {
		return err
	}
	_, err = d.start("kube-scheduler", identityFlags("kube-scheduler"))
	return err
}

func (d *daemons) answers() func() bool {
	config, err := clientcmd.BuildConfigFromFlags("", d.s.path("kubeconfig"))
	if err != nil {
		return func() bool { return false }
	}
	config.Timeout = time.Second
	client := kubernetes.NewForConfigOrDie(config).Discovery().RESTClient()
	return func() bool { return client.Get().AbsPath("/readyz").Do(context.Background()).Error() == nil }
}

func (d *daemons) worker() error {
	if err := mounts(d.s); err != nil {
		return err
	}
	if err := d.makeGroups(); err != nil {
		return fmt.Errorf("control groups: %w", err)
	}
	for file, text := range files {
		if err := os.WriteFile(d.s.path(file), []byte(d.s.expand(text)), 0o600); err != nil {
			return err
		}
	}
	containerd, err := d.startProgram("containerd", "containerd", "--config {root}/containerd.toml")
	if err != nil {
		return err
	}
	ctr := []string{"--address", d.s.path("containerd.sock"), "--namespace", "k8s.io"}
	ready := func() bool { return exec.Command("ctr", append(ctr, "version")...).Run() == nil }
	if err := d.until("containerd answers", []int{containerd}, ready); err != nil {
		return err
	}
	for _, image := range d.s.Images {
		if out, err := exec.Command("ctr", append(ctr, "images", "import", image)...).CombinedOutput(); err != nil {
			return fmt.Errorf("image %s: %w: %s", image, err, out)
		}
	}
	flags := map[string]string{
		"kubelet":     "--config {root}/kubelet.yaml --kubeconfig {root}/pki/kubelet --root-dir /var/lib/kubelet --hostname-override {name} --node-ip {node}",
		"kube-proxy":  "--config {root}/kube-proxy.yaml --hostname-override {name}",
		"provisioner": "{root}/kubeconfig",
	}
	if d.s.Policies {
		flags["policies"] = "{root}/kubeconfig"
	}
	for name, text := range flags {
		if _, err := d.start(name, text); err != nil {
			return err
		}
	}
	return nil
}

// start runs one of this program's own daemons.
func (d *daemons) start(name, flags string) (int, error) {
	return d.startProgram(name, "/proc/self/exe", name+" "+flags)
}

func (d *daemons) startProgram(name, program, flags string) (int, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return 0, err
	}
	log, err := os.OpenFile(d.s.path("logs", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	args := append([]string{name}, strings.Fields(d.s.expand(flags))...)
	// Not through os/exec, for all children are waited for in one place.
	child, err := os.StartProcess(path, args, &os.ProcAttr{Dir: d.s.Root, Env: os.Environ(), Files: []*os.File{null, log, log}})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	d.name[child.Pid] = name
	return child.Pid, nil
}

// until waits for a condition, and fails when one of the processes ends before.
func (d *daemons) until(what string, pids []int, condition func() bool) error {
	for end := time.Now().Add(patience); !condition(); time.Sleep(100 * time.Millisecond) {
		for _, pid := range pids {
			var status syscall.WaitStatus
			if ended, _ := syscall.Wait4(pid, &status, syscall.WNOHANG, nil); ended == pid {
				return d.ended(pid, status)
			}
		}
		if time.Now().After(end) {
			return fmt.Errorf("waited in vain until %s", what)
		}
	}
	return nil
}

// outlive takes leave of orphans, as process 1 must, and ends with the first daemon that ends: no test should wonder
// about a node that is half dead.
func (d *daemons) outlive() error {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if _, ok := d.name[pid]; ok {
			return d.ended(pid, status)
		}
	}
}

func (d *daemons) ended(pid int, status syscall.WaitStatus) error {
	log, _ := os.ReadFile(d.s.path("logs", d.name[pid]+".log"))
	return fmt.Errorf("%s ended (%d, signal %d):\n%s", d.name[pid], status.ExitStatus(), status.Signal(), log[max(0, len(log)-2000):])
}

// makeGroups makes the group below which all containers are, and lets it use what the kubelet wants to limit.
func (d *daemons) makeGroups() error {
	const root = "/sys/fs/cgroup"
	if controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers")); err == nil {
		return shareControllers(root, d.s.group(), strings.Fields(string(controllers)))
	}
	hierarchies, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		if hierarchy.Type()&os.ModeSymlink != 0 {
			continue
		}
		// Some of them are no hierarchies, and refuse.
		_ = os.Mkdir(filepath.Join(root, hierarchy.Name(), d.s.group()), 0o755)
	}
	return d.inheritProcessors(filepath.Join(root, "cpuset"))
}

// shareControllers makes the group in a hierarchy of version 2 with all controllers. What the group passes on itself,
// systemd cannot take from the top again. One that the kernel refuses does not take the others with it: the kubelet says
// which it lacks.
func shareControllers(root, name string, controllers []string) error {
	group := filepath.Join(root, name)
	if err := os.MkdirAll(group, 0o755); err != nil {
		return err
	}
	for _, controller := range controllers {
		for _, folder := range []string{root, group} {
			_ = os.WriteFile(filepath.Join(folder, "cgroup.subtree_control"), []byte("+"+controller), 0)
		}
	}
	return nil
}

// inheritProcessors fills a new cpuset group, which has no processor and no memory at first.
func (d *daemons) inheritProcessors(cpuset string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		all, err := os.ReadFile(filepath.Join(cpuset, file))
		if err != nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(cpuset, d.s.group(), file), all, 0); err != nil {
			return err
		}
	}
	return nil
}
