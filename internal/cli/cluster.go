package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/internal/wire/pki"
	"github.com/spf13/cobra"
)

// Where the nodes of a cluster listen unless they are told otherwise.
const (
	portOfGossip = "7946"
	portOfCalls  = "7947"
)

// clusterFile says how the cluster of a directory is reached: lines NAME=VALUE, with the
// names of the environment.
const clusterFile = ".idag/cluster"

// Names of settings in the environment and in clusterFile.
const (
	envTo      = "IDAG_TO"
	envJoin    = "IDAG_JOIN"
	envKey     = "IDAG_KEY"
	envCluster = "IDAG_CLUSTER"
	envCA      = "IDAG_CA"
	envCert    = "IDAG_CERT"
	envCertKey = "IDAG_CERT_KEY"
	envToken   = "IDAG_TOKEN"
	envPlain   = "IDAG_PLAIN"
)

// settingNames are all of them.
func settingNames() []string {
	return []string{envTo, envJoin, envKey, envCluster, envCA, envCert, envCertKey, envToken, envPlain}
}

// errReach ends a command whose cluster does not answer, errDriver one whose cluster has
// nobody who drives.
var (
	errReach  = errors.New("the cluster does not answer")
	errDriver = errors.New("the cluster has no driver")
)

// accessFlags say who this process is to the nodes of a cluster, and whom it believes.
type accessFlags struct {
	ca, cert, certKey, token string
	plain                    bool
}

func (f *accessFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.ca, "ca", "", "the certificate of the cluster's authority, a `file` ($IDAG_CA)")
	fs.StringVar(&f.cert, "cert", "", "the certificate of this side, a `file` ($IDAG_CERT)")
	fs.StringVar(&f.certKey, "cert-key", "", "the key of that certificate, a `file` ($IDAG_CERT_KEY)")
	fs.StringVar(&f.token, "token", "", "a secret that goes with every call, or file:PATH (`text`; $IDAG_TOKEN)")
	fs.BoolVar(&f.plain, "plain", false, "no certificates, between machines too: whoever reaches a node can use it ($IDAG_PLAIN=1)")
}

// setting returns a setting by flag, environment or clusterFile, in this order.
func setting(flag, name string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if v := os.Getenv(name); v != "" {
		return v, nil
	}
	file, err := readSettings(clusterFile)
	return file[name], err
}

// readSettings reads lines NAME=VALUE. A file that is not there has none.
func readSettings(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	out, n := map[string]string{}, 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok {
			return nil, fault.New(fault.Invalid, "%s:%d: expected NAME=VALUE", path, n)
		}
		if !slices.Contains(settingNames(), name) {
			return nil, fault.New(fault.Invalid, "%s:%d: there is no setting %q: expected one of %s", path, n, name, strings.Join(settingNames(), ", "))
		}
		out[name] = strings.TrimSpace(value)
	}
	return out, nil
}

// security is what the flags come to. Without certificates connections are plain, and
// stay on this machine unless --plain is given.
func (f *accessFlags) security(version string) (wire.Security, error) {
	none := wire.Security{}
	var all [5]string
	for i, of := range [5][2]string{{f.ca, envCA}, {f.cert, envCert}, {f.certKey, envCertKey}, {f.token, envToken}, {"", envPlain}} {
		var err error
		if all[i], err = setting(of[0], of[1]); err != nil {
			return none, err
		}
	}
	ca, cert, key := all[0], all[1], all[2]
	token, err := secretOf(all[3])
	if err != nil {
		return none, err
	}
	plain, err := strconv.ParseBool(cmp.Or(all[4], "0"))
	if err != nil {
		return none, fault.New(fault.Invalid, "%s=%s: expected 1 or 0", envPlain, all[4])
	}
	named := f.ca != "" || f.cert != "" || f.certKey != "" // flags go before the environment
	if f.plain || plain && !named {
		return wire.Security{Plain: true, AllowPlain: true, Token: token, Version: version}, nil
	}
	if ca == "" && cert == "" && key == "" {
		return wire.Security{Plain: true, Token: token, Version: version}, nil
	}
	if ca == "" || cert == "" || key == "" {
		return none, fault.New(fault.Invalid, "--ca, --cert and --cert-key go together; 'idag cert' makes them")
	}
	pair, roots, err := pki.Load(cert, key, ca)
	return wire.Security{Certificate: pair, Roots: roots, Token: token, Version: version}, err
}

// secretOf returns a secret that is given as it is or as file:PATH.
func secretOf(text string) (string, error) {
	path, ok := strings.CutPrefix(text, "file:")
	if !ok {
		return text, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err)
	}
	return strings.TrimSpace(string(data)), nil
}

// addresses splits a list of hosts and gives those that have none a port.
func addresses(list, port string) []string {
	var out []string
	for _, a := range words(list) {
		if _, _, err := net.SplitHostPort(a); err != nil {
			a = net.JoinHostPort(strings.Trim(a, "[]"), port)
		}
		out = append(out, a)
	}
	return out
}

// words splits a list.
func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// toFlags say which cluster is meant.
type toFlags struct {
	accessFlags
	to string
}

func (f *toFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.to, "to", "", "a node of the cluster, or several: `HOST[:PORT],...`; port 7947 if not said ($IDAG_TO,\nelse as in .idag/cluster, which 'idag local' writes)")
	f.accessFlags.add(c)
}

// named reports whether a cluster is named anywhere.
func (f *toFlags) named() (bool, error) {
	to, err := setting(f.to, envTo)
	return to != "", err
}

// link returns a link to the driver of the cluster that is meant. While nodes answer of which
// none drives, one is about to. The caller closes it.
func (s *session) link(ctx context.Context, f *toFlags) (*link, error) {
	l, err := s.reach(ctx, f)
	if l == nil || !l.idle {
		return l, err
	}
	fmt.Fprintln(s.io.Err, "the cluster has no driver at the moment; waiting for one")
	return l, l.again(ctx)
}

// reach is link without waiting. With an error it returns a link only if nodes have answered.
func (s *session) reach(ctx context.Context, f *toFlags) (*link, error) {
	to, err := setting(f.to, envTo)
	if err != nil {
		return nil, err
	}
	l := &link{dial: s.app.Engine.Dial, addrs: addresses(to, portOfCalls)}
	if len(l.addrs) == 0 {
		return nil, fault.New(fault.Invalid, "which cluster? give --to HOST, set $%s, or start one in this directory with '%s local'", envTo, s.app.Name)
	}
	if l.security, err = f.security(s.app.Version); err != nil {
		return nil, err
	}
	err = l.find(ctx)
	if err == nil || l.idle {
		return l, err
	}
	if of, local := localOf(); local && !alive(of) && errors.Is(err, errReach) && f.to == "" && os.Getenv(envTo) == "" {
		err = fault.New(fault.Retry, "%w; '%s local' was ended here without its word: start it again, or remove %s", err, s.app.Name, clusterFile)
	}
	return nil, err
}

// absolute is a path from the root.
func absolute(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fault.New(fault.Invalid, "%s: %w", path, err)
	}
	return abs, nil
}

// lineOut prints a line of text for people.
func (s *session) lineOut(format string, args ...any) { fmt.Fprintf(s.io.Out, format+"\n", args...) }
