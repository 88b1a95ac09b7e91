package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// authority signs every certificate of one cluster, into a folder.
type authority struct {
	folder string
	cert   *x509.Certificate
	pem    []byte
	key    *ecdsa.PrivateKey
}

// identity is who a certificate speaks for: a server at some names, or a client that RBAC knows.
type identity struct {
	user   string
	groups []string
	names  []string
}

// writeIdentities makes the key of service accounts, a certificate per server and a kubeconfig per client.
func writeIdentities(s *settings) error {
	ca, err := newAuthority(s.path("pki"), s.Name)
	if err != nil {
		return err
	}
	if err := ca.serviceAccountKey(); err != nil {
		return err
	}
	nodeUser := identity{user: "system:node:" + s.Name, groups: []string{"system:nodes"}}
	certificates := map[string]identity{
		"apiserver": {user: "kube-apiserver", names: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local", "localhost", "127.0.0.1", serviceAPI, s.Node}},
		"apiserver-to-kubelet": {user: "kube-apiserver-kubelet-client", groups: []string{"system:masters"}},
		"kubelet-server":       {user: nodeUser.user, groups: nodeUser.groups, names: []string{s.Name, s.Node}},
	}
	for file, who := range certificates {
		if err := ca.issue(file, who); err != nil {
			return err
		}
	}
	logins := map[string]identity{
		"../kubeconfig":           {user: "admin", groups: []string{"system:masters"}},
		"kube-controller-manager": {user: "system:kube-controller-manager"},
		"kube-scheduler":          {user: "system:kube-scheduler"},
		"kube-proxy":              {user: "system:kube-proxy"},
		"kubelet":                 nodeUser,
	}
	for file, who := range logins {
		if err := ca.login(s, file, who); err != nil {
			return err
		}
	}
	return nil
}

func newAuthority(folder, name string) (*authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := certificate(pkix.Name{CommonName: name + "-ca"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	ca := &authority{folder: folder, cert: cert, pem: encode("CERTIFICATE", der), key: key}
	return ca, ca.write("ca", ca.pem, key)
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// Valid from an hour ago, for clocks may differ a little, and for longer than any test.
func certificate(subject pkix.Name) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, Subject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0)}
}

func (ca *authority) issue(file string, who identity) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	template := certificate(pkix.Name{CommonName: who.user, Organization: who.groups})
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(who.names) > 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, name := range who.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return err
	}
	return ca.write(file, encode("CERTIFICATE", der), key)
}

func (ca *authority) login(s *settings, file string, who identity) error {
	pair := "login-" + filepath.Base(file)
	if err := ca.issue(pair, who); err != nil {
		return err
	}
	cert, err := os.ReadFile(ca.at(pair + ".crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(ca.at(pair + ".key"))
	if err != nil {
		return err
	}
	config := api.NewConfig()
	config.Clusters[s.Name] = &api.Cluster{Server: s.server(), CertificateAuthorityData: ca.pem}
	config.AuthInfos[s.Name] = &api.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	config.Contexts[s.Name] = &api.Context{Cluster: s.Name, AuthInfo: s.Name}
	config.CurrentContext = s.Name
	return clientcmd.WriteToFile(*config, ca.at(file))
}

func (ca *authority) serviceAccountKey() error {
	key, err := newKey()
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return ca.write("service-accounts", encode("PUBLIC KEY", public), key)
}

func (ca *authority) write(file string, public []byte, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(ca.at(file+".key"), encode("EC PRIVATE KEY", der), 0o600); err != nil {
		return err
	}
	return os.WriteFile(ca.at(file+".crt"), public, 0o600)
}

func (ca *authority) at(file string) string { return filepath.Join(ca.folder, file) }

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
