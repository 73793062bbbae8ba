// Package pki makes the certificates by which the nodes of a cluster know each other: an
// authority, and certificates that it issues for nodes.
//
//	ca, err := pki.NewCA("my cluster", 10*365*24*time.Hour)
//	node, err := ca.Issue([]string{"node-1", "10.0.0.5"}, 365*24*time.Hour)
//	err = errors.Join(ca.Write("ca.pem", "ca-key.pem"), node.Write("node-1.pem", "node-1-key.pem"))
//	…
//	certificate, roots, err := pki.Load("node-1.pem", "node-1-key.pem", "ca.pem")
//
// Keys are ECDSA on P-256. A node's certificate is for both sides of a connection. Whoever
// has the authority's key can make nodes: it belongs on none of them.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"github.com/idag/idag/internal/fault"
)

// skew is how far the clock of a node may be behind that of the authority.
const skew = 5 * time.Minute

// Pair is a certificate and its key, each as PEM.
type Pair struct{ Certificate, Key []byte }

// NewCA makes an authority. The name is for people. What validity asks for that is not
// positive is fault.Invalid.
func NewCA(name string, validity time.Duration) (Pair, error) {
	t, err := template(name, validity)
	if err != nil {
		return Pair{}, err
	}
	t.IsCA, t.MaxPathLenZero = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return issue(t, nil, nil)
}

// Issue makes a node's certificate. The names are those that others dial, host names or
// addresses; the first is also what the node is called in messages.
func (p Pair) Issue(names []string, validity time.Duration) (Pair, error) {
	if len(names) == 0 || names[0] == "" {
		return Pair{}, fault.New(fault.Invalid, "a certificate needs the names or addresses of its node")
	}
	parent, key, err := p.authority()
	if err != nil {
		return Pair{}, err
	}
	t, err := template(names[0], validity)
	if err != nil {
		return Pair{}, err
	}
	if t.NotAfter.After(parent.NotAfter) {
		return Pair{}, fault.New(fault.Invalid, "a certificate cannot be valid for longer than its authority, which ends on %s", day(parent.NotAfter))
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, n := range names {
		switch ip := net.ParseIP(n); {
		case ip != nil:
			t.IPAddresses = append(t.IPAddresses, ip)
		case n == "" || strings.ContainsAny(n, " /:@"):
			return Pair{}, fault.New(fault.Invalid, "%q is neither a host name nor an address", n)
		default:
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	return issue(t, parent, key)
}

// authority is the pair as what signs.
func (p Pair) authority() (*x509.Certificate, crypto.Signer, error) {
	pair, err := tls.X509KeyPair(p.Certificate, p.Key)
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "the authority cannot be used: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, nil, fault.New(fault.Invalid, "%s is no authority", pair.Leaf.Subject.CommonName)
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		return nil, nil, fault.New(fault.Invalid, "the authority %s has expired on %s", pair.Leaf.Subject.CommonName, day(pair.Leaf.NotAfter))
	}
	return pair.Leaf, key, nil
}

func template(name string, validity time.Duration) (*x509.Certificate, error) {
	if validity <= 0 {
		return nil, fault.New(fault.Invalid, "a certificate cannot be valid for %v", validity)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fault.New(fault.Retry, "no random numbers: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{Organization: []string{"idag"}, CommonName: name},
		NotBefore: now.Add(-skew), NotAfter: now.Add(validity), BasicConstraintsValid: true}, nil
}

// issue signs a certificate for a new key; without a parent it signs itself.
func issue(t, parent *x509.Certificate, signer crypto.Signer) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fault.New(fault.Retry, "no key: %w", err)
	}
	if parent == nil {
		parent, signer = t, key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return Pair{}, fault.New(fault.Invalid, "no certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fault.New(fault.Bug, "no key: %w", err)
	}
	return Pair{Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})}, nil
}

// Write writes the pair to files, the key readable by its owner only. Files that are
// there already are fault.Invalid: keys are not overwritten.
func (p Pair) Write(certificate, key string) error {
	if err := create(key, p.Key, 0o600); err != nil {
		return err
	}
	return create(certificate, p.Certificate, 0o644)
}

func create(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Invalid, "%s is there already", path)
	}
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fault.New(fault.Invalid, "a certificate cannot be written: %w", err)
	}
	return nil
}

// Read reads a pair from files: an authority that is to issue.
func Read(certificate, key string) (Pair, error) {
	var p Pair
	var err1, err2 error
	p.Certificate, err1 = os.ReadFile(certificate)
	p.Key, err2 = os.ReadFile(key)
	if err := errors.Join(err1, err2); err != nil {
		return Pair{}, fault.New(fault.Invalid, "a certificate cannot be read: %w", err)
	}
	return p, nil
}

// Load reads what a node needs: its certificate and key, and the certificates of the
// authorities that it believes. A certificate that others would refuse, because it has
// expired or is of none of these authorities, is fault.Invalid already here.
func Load(certificate, key, roots string) (tls.Certificate, *x509.CertPool, error) {
	p, err := Read(certificate, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	authorities, err := os.ReadFile(roots)
	if err != nil {
		return tls.Certificate{}, nil, fault.New(fault.Invalid, "the authority cannot be read: %w", err)
	}
	out, err := tls.X509KeyPair(p.Certificate, p.Key)
	if err != nil {
		return tls.Certificate{}, nil, fault.New(fault.Invalid, "%s and %s are no certificate and its key: %w", certificate, key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authorities) {
		return tls.Certificate{}, nil, fault.New(fault.Invalid, "%s has no certificate", roots)
	}
	if _, err := out.Leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return tls.Certificate{}, nil, fault.New(fault.Invalid, "%s: %s", certificate, Explain(out.Leaf, err))
	}
	return out, pool, nil
}

// Explain says in words why a certificate was not believed.
func Explain(c *x509.Certificate, err error) string {
	name := "the certificate"
	if c != nil {
		name = fmt.Sprintf("the certificate of %s, by %s,", or(c.Subject.CommonName), or(c.Issuer.CommonName))
	}
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && c != nil && time.Now().Before(c.NotBefore):
		return fmt.Sprintf("%s is not valid before %s: a clock is wrong", name, day(c.NotBefore))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && c != nil:
		return fmt.Sprintf("%s has expired on %s", name, day(c.NotAfter))
	case errors.As(err, &unknown):
		return name + " is not of an authority that is believed here"
	case errors.As(err, &host):
		return fmt.Sprintf("%s is not for %s", name, host.Host)
	}
	return fmt.Sprintf("%s is refused: %v", name, err)
}

func or(name string) string {
	if name == "" {
		return "nobody"
	}
	return name
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
