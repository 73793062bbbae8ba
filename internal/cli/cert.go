package cli

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/pki"
	"github.com/spf13/cobra"
)

// certFlags say where certificates lie and how long they last.
type certFlags struct {
	dir   string
	valid string
}

func (f *certFlags) add(c *cobra.Command, valid string) {
	c.Flags().StringVar(&f.dir, "dir", "certs", "the `directory` of the certificates")
	c.Flags().StringVar(&f.valid, "valid", valid, "how long the certificate lasts, a `duration`")
}

func (f *certFlags) validity() (time.Duration, error) {
	v, err := connectors.Duration.Convert(f.valid)
	if err != nil {
		return 0, fault.New(fault.Invalid, "--valid: %w", err)
	}
	d, _ := v.(time.Duration)
	return d, nil
}

func newCert(s *session) *cobra.Command {
	c := &cobra.Command{
		GroupID: groupCluster,
		Use:     "cert ca|node|key",
		Short:   "Make the certificates of a cluster",
		Long: `Make the certificates by which the nodes of a cluster, and those who submit jobs, know
each other: an authority, and a certificate for each of them, with its key. Whoever has
a certificate of the authority may do everything on the cluster. The key of the
authority belongs on none of the nodes. And make keys: for the gossip, and tokens.`,
		Example: `  idag cert ca
  idag cert node driver driver.example 10.0.0.5
  idag cert node me
  idag cert key > gossip.key`,
		Args: noCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for _, sub := range []*cobra.Command{newCertCA(s), newCertNode(s), newCertKey(s)} {
		sub.DisableFlagsInUseLine = true
		checkWords(sub)
		c.AddCommand(sub)
	}
	return c
}

func newCertCA(s *session) *cobra.Command {
	var f certFlags
	var name string
	c := &cobra.Command{
		Use:   "ca [flags]",
		Short: "Make an authority",
		Long: `Make an authority: ca.pem, which all nodes get, and ca-key.pem, which makes
certificates and should be kept elsewhere. Files that are there are left as they are.`,
		Example: `  idag cert ca --dir certs`,
		Args:    atMost(0),
		RunE: func(*cobra.Command, []string) error {
			valid, err := f.validity()
			if err != nil {
				return err
			}
			ca, err := pki.NewCA(name, valid)
			if err != nil {
				return err
			}
			return s.writeCertificate(ca, f.dir, "ca")
		},
	}
	f.add(c, "3650 days")
	c.Flags().StringVar(&name, "name", "idag cluster", "what the authority is called, a `text`")
	return c
}

func newCertNode(s *session) *cobra.Command {
	var f certFlags
	c := &cobra.Command{
		Use:   "node NAME [HOST...] [flags]",
		Short: "Make a certificate for a node, or for somebody who submits jobs",
		Long: `Make a certificate of the authority in the same directory: NAME.pem and NAME-key.pem.
Hosts are the names and addresses by which others reach the node; without any it is
NAME. Files that are there are left as they are.`,
		Example: `  idag cert node worker-1 worker-1.example 10.0.0.7`,
		Args:    some("a name"),
		RunE: func(_ *cobra.Command, args []string) error {
			valid, err := f.validity()
			if err != nil {
				return err
			}
			name, hosts := args[0], args[1:]
			if len(hosts) == 0 {
				hosts = args
			}
			if name == "ca" || filepath.Base(name) != name || strings.HasPrefix(name, ".") {
				return fault.New(fault.Invalid, "a certificate cannot be called %q: it is the name of a file", name)
			}
			key := filepath.Join(f.dir, "ca-key.pem")
			if _, err := os.Stat(key); err != nil {
				return fault.New(fault.Invalid, "%w; '%s cert ca' makes an authority", err, s.app.Name)
			}
			ca, err := pki.Read(filepath.Join(f.dir, "ca.pem"), key)
			if err != nil {
				return err
			}
			pair, err := ca.Issue(hosts, valid)
			if err != nil {
				return err
			}
			return s.writeCertificate(pair, f.dir, name)
		},
	}
	f.add(c, "365 days")
	return c
}

func newCertKey(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "key",
		Short: "Print a new key",
		Long: `Print a new key, 32 random bytes in base64: for the gossip of a cluster (--key file:PATH),
which all its nodes share, or as a token (--token file:PATH).`,
		Example: `  idag cert key > gossip.key`,
		Args:    atMost(0),
		RunE: func(*cobra.Command, []string) error {
			s.lineOut("%s", newKey())
			return nil
		},
	}
}

// newKey returns 32 random bytes in base64.
func newKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return base64.StdEncoding.EncodeToString(key)
}

// writeCertificate writes a certificate and its key to a directory.
func (s *session) writeCertificate(p pki.Pair, dir, name string) error {
	cert, key := filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(fault.Invalid, err)
	}
	if err := p.Write(cert, key); err != nil {
		return err
	}
	s.lineOut("%s and %s", cert, key)
	return nil
}
