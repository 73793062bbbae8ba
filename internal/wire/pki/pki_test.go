package pki

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/internal/fault"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parse(t *testing.T, p Pair) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(p.Certificate)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must(t *testing.T) func(Pair, error) Pair {
	return func(p Pair, err error) Pair {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// A certificate is for the names it was issued for, on both sides, and is no authority.
func TestIssue(t *testing.T) {
	ca := must(t)(NewCA("test", time.Hour))
	c := parse(t, must(t)(ca.Issue([]string{"node-1", "10.0.0.5", "::1"}, time.Minute)))
	roots := x509.NewCertPool()
	roots.AddCert(parse(t, ca))
	for _, name := range []string{"node-1", "10.0.0.5", "::1"} {
		if err := c.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if c.VerifyHostname("node-2") == nil || c.VerifyHostname("10.0.0.6") == nil {
		t.Error("it is for others too")
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		if _, err := c.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{use}}); err != nil {
			t.Error(err)
		}
	}
	if c.IsCA || c.Subject.CommonName != "node-1" || time.Until(c.NotAfter) > time.Minute || time.Since(c.NotBefore) < skew {
		t.Errorf("it is %v from %v until %v", c.Subject, c.NotBefore, c.NotAfter)
	}
}

// What cannot be issued is the user's mistake.
func TestMistakes(t *testing.T) {
	ca := must(t)(NewCA("test", time.Hour))
	node := must(t)(ca.Issue([]string{"n"}, time.Minute))
	past := must(t)(NewCA("past", time.Nanosecond))
	time.Sleep(time.Millisecond)
	for _, c := range []struct {
		ca    Pair
		names []string
		valid time.Duration
		want  string
	}{
		{ca, nil, time.Minute, "needs the names"},
		{ca, []string{""}, time.Minute, "needs the names"},
		{ca, []string{"n", ""}, time.Minute, "neither a host name"},
		{ca, []string{"http://x"}, time.Minute, "neither a host name"},
		{ca, []string{"n"}, 0, "cannot be valid for 0s"},
		{ca, []string{"n"}, 2 * time.Hour, "longer than its authority"},
		{node, []string{"n"}, time.Second, "n is no authority"},
		{past, []string{"n"}, time.Nanosecond, "has expired"},
		{Pair{ca.Certificate, node.Key}, []string{"n"}, time.Minute, "cannot be used"},
		{Pair{}, []string{"n"}, time.Minute, "cannot be used"},
	} {
		if _, err := c.ca.Issue(c.names, c.valid); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %v: %v, want %q", c.names, c.valid, err, c.want)
		}
	}
	if _, err := NewCA("x", -1); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}

// Files are as they were written, keys are their owner's, and nothing is overwritten.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	ca, other := must(t)(NewCA("test", time.Hour)), must(t)(NewCA("other", time.Hour))
	node, past := must(t)(ca.Issue([]string{"n"}, time.Minute)), must(t)(ca.Issue([]string{"p"}, time.Nanosecond))
	for name, p := range map[string]Pair{"ca": ca, "other": other, "node": node, "past": past} {
		if err := p.Write(file(name+".pem"), file(name+"-key.pem")); err != nil {
			t.Fatal(err)
		}
	}
	if err := node.Write(file("node.pem"), file("node-key.pem")); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "there already") {
		t.Error(err)
	}
	if i, err := os.Stat(file("node-key.pem")); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("the key has the mode %v, %v", i.Mode(), err)
	}
	if got, err := Read(file("ca.pem"), file("ca-key.pem")); err != nil || string(got.Key) != string(ca.Key) {
		t.Error(err)
	}
	c, roots, err := Load(file("node.pem"), file("node-key.pem"), file("ca.pem"))
	if err != nil || c.Leaf.Subject.CommonName != "n" || roots == nil {
		t.Error(err)
	}
	time.Sleep(time.Millisecond)
	for _, l := range []struct{ cert, key, roots, want string }{
		{"node.pem", "node-key.pem", "other.pem", "the certificate of n, by test, is not of an authority"},
		{"past.pem", "past-key.pem", "ca.pem", "the certificate of p, by test, has expired on 2"},
		{"node.pem", "ca-key.pem", "ca.pem", "no certificate and its key"},
		{"node.pem", "node-key.pem", "node-key.pem", "has no certificate"},
		{"none.pem", "node-key.pem", "ca.pem", "none.pem"},
		{"node.pem", "none.pem", "ca.pem", "none.pem"},
		{"node.pem", "node-key.pem", "none.pem", "none.pem"},
	} {
		if _, _, err := Load(file(l.cert), file(l.key), file(l.roots)); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), l.want) {
			t.Errorf("%+v: %v", l, err)
		}
	}
}
