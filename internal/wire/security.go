package wire

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strconv"
	"strings"

	"github.com/idag/idag/internal/fault"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	peers "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// protocol is the number of what is said over the wire. It goes up with every change
// that a program of before would misunderstand.
const protocol = 3

// Keys of what every call says of its caller.
const (
	keyProtocol = "idag-protocol"
	keyVersion  = "idag-version"
	keyToken    = "authorization"
	bearer      = "Bearer "
)

// Security is who a node is, and whom it believes. Both sides of a connection have
// one: with TLS each shows a certificate and checks the other's.
type Security struct {
	Certificate tls.Certificate // of this node
	Roots       *x509.CertPool  // of the certificates that are believed
	// ServerName is the name that the certificate of a server has to bear; "" is the
	// host that is dialled.
	ServerName string
	// Token, if not empty, goes with every call, and every call has to bring it.
	Token string
	// Plain is without TLS, between addresses of this machine only unless AllowPlain.
	Plain, AllowPlain bool
	// Version of this program, for messages.
	Version string
}

// Plain is the security of a cluster on one machine: none.
func Plain() Security { return Security{Plain: true} }

// check says whether an address may be listened on or dialled.
func (s Security) check(host string) error {
	switch {
	case s.Plain && !s.AllowPlain && !loopback(host):
		return fault.New(fault.Invalid, "%s is not only this machine: connections there need certificates, or plain ones have to be allowed (--plain)", host)
	case !s.Plain && (len(s.Certificate.Certificate) == 0 || s.Roots == nil):
		return fault.New(fault.Invalid, "connections need the node's certificate and that of the authority, or have to be plain")
	}
	return nil
}

// loopback reports whether a host is this machine and nobody else can reach it.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// serverSide and clientSide are the transport as each side wants it.
func (s Security) serverSide(log *refusals) credentials.TransportCredentials {
	if s.Plain {
		return insecure.NewCredentials()
	}
	return explaining{credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{s.Certificate},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: s.Roots,
	}), log}
}

func (s Security) clientSide() credentials.TransportCredentials {
	if s.Plain {
		return insecure.NewCredentials()
	}
	return explaining{credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: s.Roots, ServerName: s.ServerName,
		// It is shown to every server, also to one that believes other authorities: what
		// that says of it is of more use than what it says of none.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &s.Certificate, nil },
	}), nil}
}

// GetRequestMetadata is what a client says of itself with every call.
func (s Security) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	out := map[string]string{keyProtocol: strconv.Itoa(protocol), keyVersion: s.Version}
	if s.Token != "" {
		out[keyToken] = bearer + s.Token
	}
	return out, nil
}

// RequireTransportSecurity is whether the token must not go over a plain connection.
func (s Security) RequireTransportSecurity() bool { return !s.Plain }

// admission lets calls in, or not.
type admission struct {
	Security
	log *refusals
}

// admit lets a call in, before anything that it brings is read.
func (a admission) admit(ctx context.Context, info *tap.Info) (context.Context, error) {
	if err := a.judge(info); err != nil {
		var from net.Addr = &net.TCPAddr{}
		if p, ok := peers.FromContext(ctx); ok {
			from = p.Addr
		}
		a.log.say(from, status.Convert(err).Message())
		return nil, err
	}
	return ctx, nil
}

func (a admission) judge(info *tap.Info) error {
	if a.Token != "" {
		brought := strings.TrimPrefix(first(info.Header, keyToken), bearer)
		got, want := sha256.Sum256([]byte(brought)), sha256.Sum256([]byte(a.Token))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			return status.Error(codes.Unauthenticated, "the token is wrong or missing")
		}
	}
	theirs := first(info.Header, keyProtocol)
	if theirs == "" && strings.HasPrefix(info.FullMethodName, "/arrow.flight.") {
		return nil // any Flight client may fetch
	}
	if theirs != strconv.Itoa(protocol) {
		return status.Errorf(codes.FailedPrecondition, "the node (idag %s) speaks protocol %d, its caller (idag %s) %s: run the same version on both",
			or(a.Version), protocol, or(first(info.Header, keyVersion)), or(theirs))
	}
	return nil
}

func first(md metadata.MD, key string) string {
	if v := md.Get(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// or names what is not known.
func or(s string) string {
	if s == "" {
		return "of unknown version"
	}
	return s
}

var _ credentials.PerRPCCredentials = Security{}
