package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/pki"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// authority issues certificates for a test.
type authority struct {
	ca    pki.Pair
	roots *x509.CertPool
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	ca, err := pki.NewCA(name, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	a := authority{ca, x509.NewCertPool()}
	a.roots.AppendCertsFromPEM(ca.Certificate)
	return a
}

// node is the security of a node that the authority knows.
func (a authority) node(t *testing.T, valid time.Duration, names ...string) Security {
	t.Helper()
	p, err := a.ca.Issue(names, valid)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.X509KeyPair(p.Certificate, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return Security{Certificate: c, Roots: a.roots, Token: "secret", Version: "v1"}
}

// said collects what a server says.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) log(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
}

func (s *said) has(text string) bool {
	for range 100 { // it is said a moment after the other side has hung up
		s.mu.Lock()
		all := strings.Join(s.lines, "\n")
		s.mu.Unlock()
		if strings.Contains(all, text) {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// Who is not believed is refused, and both sides are told why, in words. The driver's
// caller has made a mistake; of executors there may be others.
func TestRefusals(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	server, good := ours.node(t, time.Minute, "server", "127.0.0.1"), ours.node(t, time.Minute, "good")
	named := ours.node(t, time.Minute, "server")
	past := ours.node(t, time.Nanosecond, "past", "127.0.0.1")
	change := func(s Security, f func(*Security)) Security { f(&s); return s }
	time.Sleep(time.Millisecond)
	for name, c := range map[string]struct {
		server, client Security
		told, logged   string // "": let in
	}{
		"good":            {server, good, "", ""},
		"by name":         {named, change(good, func(s *Security) { s.ServerName = "server" }), "", ""},
		"wrong token":     {server, change(good, func(s *Security) { s.Token = "guess" }), "token is wrong or missing", "token is wrong"},
		"no token":        {server, change(good, func(s *Security) { s.Token = "" }), "token is wrong or missing", "token is wrong"},
		"expired client":  {server, past, "other side refuses the certificate of this one: expired certificate", "the certificate of past, by ours, has expired on 2"},
		"foreign client":  {server, change(theirs.node(t, time.Minute, "spy"), func(s *Security) { s.Roots = ours.roots }), "refuses the certificate of this one: unknown certificate authority", "certificate of spy, by theirs, is not of an authority"},
		"expired server":  {past, good, "the certificate of past, by ours, has expired on 2", "refuses the certificate of this one"},
		"foreign server":  {theirs.node(t, time.Minute, "trap", "127.0.0.1"), good, "the certificate of trap, by theirs, is not of an authority", "refuses the certificate"},
		"another's name":  {named, good, "the certificate of server, by ours, is not for 127.0.0.1", "refuses the certificate"},
		"plain server":    {change(Plain(), func(s *Security) { s.Token = "secret" }), good, "does not speak TLS: is it plain?", ""},
		"plain client":    {server, change(Plain(), func(s *Security) { s.Token = "secret" }), "cannot be reached", "does not speak TLS"},
		"plain, no token": {change(Plain(), func(s *Security) { s.Token = "secret" }), Plain(), "token is wrong or missing", "token is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := new(said)
			ok := func(context.Context, RunID, work.Task) (work.Receipt, error) { return work.Receipt{}, nil }
			s := serve(t, ServerConfig{Security: c.server, Log: log.log, Executor: &node{run: ok}, Driver: &desk{jobs: func() ([]submission.Info, error) { return nil, nil }}})
			client := dial(t, s.Addr(), c.client, nil)
			_, err := client.Executor().Run(t.Context(), "r", work.Task{})
			_, err2 := client.Driver().Jobs(t.Context())
			if c.told == "" {
				if err != nil || err2 != nil {
					t.Fatalf("%v, %v", err, err2)
				}
				return
			}
			if fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), c.told) || !strings.Contains(err.Error(), s.Addr()) {
				t.Errorf("an executor's caller is told %v", err)
			}
			if want := c.told != "cannot be reached"; err2 == nil || (fault.Of(err2) == fault.Invalid) != want || errors.Is(err, ErrRefused) != want || !strings.Contains(err2.Error(), c.told) {
				t.Errorf("a driver's caller is told %v", err2)
			}
			if c.logged != "" && !log.has(c.logged) {
				t.Errorf("the server says %q, want %q", log.lines, c.logged)
			}
		})
	}
}

// Plain connections leave this machine only when that was asked for by name.
func TestPlain(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := Serve(t.Context(), ServerConfig{Listener: l, Security: Plain()}); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "not only this machine") {
		t.Errorf("served with %v", err)
	}
	for _, addr := range []string{"10.1.2.3:5", "example.com:5", "[2001:db8::1]:5"} {
		if _, err := Dial(addr, Plain(), nil); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", addr, err)
		}
		c, err := Dial(addr, Security{Plain: true, AllowPlain: true}, nil)
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		_ = c.Close()
	}
	for _, addr := range []string{"127.0.0.1:5", "localhost:5", "[::1]:5", "127.9.9.9:1"} {
		c, err := Dial(addr, Plain(), nil)
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		_ = c.Close()
		if _, err := Dial(addr, Security{}, nil); fault.Of(err) != fault.Invalid {
			t.Errorf("%s without any security: %v", addr, err)
		}
	}
	if _, err := Dial("nohost", Plain(), nil); fault.Of(err) != fault.Invalid {
		t.Errorf("nohost: %v", err)
	}
}

// A program of another protocol is told so, with both versions; any Flight client may
// fetch, with the token; others who say nothing of themselves may not call.
func TestOtherPrograms(t *testing.T) {
	log := new(said)
	sent := new(rdd.Frames)
	s := serve(t, ServerConfig{Security: Security{Plain: true, Token: "t", Version: "v7"}, Log: log.log, Blocks: &node{block: lend(func() *rdd.Frames { return sent })}})
	conn, err := grpc.NewClient("passthrough:///"+s.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ping := func(pairs ...string) string {
		ctx := metadata.AppendToOutgoingContext(t.Context(), pairs...)
		return status.Convert(conn.Invoke(ctx, "/idag.Node/Ping", wrapperspb.Bytes([]byte("{}")), new(wrapperspb.BytesValue))).Message()
	}
	want := "the node (idag v7) speaks protocol 3, its caller (idag v8) 1: run the same version on both"
	if got := ping(keyToken, "Bearer t", keyProtocol, "1", keyVersion, "v8"); got != want || !log.has(want) {
		t.Errorf("told %q, and said %q", got, log.lines)
	}
	if got := ping(keyToken, "Bearer t"); !strings.Contains(got, "its caller (idag of unknown version) of unknown version") {
		t.Errorf("told %q", got)
	}
	if got := ping(keyProtocol, "3"); !strings.Contains(got, "token") {
		t.Errorf("told %q", got)
	}
	if got := ping(keyToken, "Bearer t", keyProtocol, "3"); got != "" {
		t.Errorf("told %q", got)
	}
	get := func(pairs ...string) error {
		stream, err := flight.NewClientFromConn(conn, nil).DoGet(metadata.AppendToOutgoingContext(t.Context(), pairs...), &flight.Ticket{Ticket: []byte(`{}`)})
		if err == nil {
			_, err = stream.Recv()
		}
		return err
	}
	if err := get(keyToken, "Bearer t"); err != nil {
		t.Error(err)
	}
	if err := get(); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("without the token: %v", err)
	}
}
