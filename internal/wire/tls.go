package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/idag/idag/internal/wire/pki"
	"google.golang.org/grpc/credentials"
)

// What of a failure to connect says that trying again will not help. gRPC hands on texts
// only.
const (
	untrusted = "it is not believed: "
	alert     = "remote error: tls: " // what the other side said before it hung up
)

// linger is how long a server listens to somebody it has refused. If it hung up at once,
// its reason could be lost with what the other side had already sent.
const linger = 300 * time.Millisecond

// explaining is TLS that says in words why a handshake failed, on both sides.
type explaining struct {
	credentials.TransportCredentials
	log *refusals
}

// ServerHandshake lets in who is believed.
func (e explaining) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	open := &held{Conn: raw}
	conn, info, err := e.TransportCredentials.ServerHandshake(open)
	if err == nil {
		open.free = true
		return conn, info, nil
	}
	e.log.say(raw.RemoteAddr(), explain(err))
	if tcp, ok := raw.(*net.TCPConn); ok && !errors.Is(err, io.EOF) {
		_ = tcp.CloseWrite()
		_ = tcp.SetReadDeadline(time.Now().Add(linger))
		_, _ = io.Copy(io.Discard, io.LimitReader(tcp, 1<<16))
	}
	return nil, nil, err
}

// held is a connection that is not closed by whoever fails to shake hands over it.
type held struct {
	net.Conn
	free bool // set before anybody else has the connection
}

func (h *held) Close() error {
	if !h.free {
		return nil
	}
	return h.Conn.Close()
}

// ClientHandshake finds out whether the other side is believed.
func (e explaining) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := e.TransportCredentials.ClientHandshake(ctx, authority, raw)
	var bad *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	if errors.As(err, &bad) || errors.As(err, &record) {
		err = errors.New(untrusted + explain(err))
	}
	return conn, info, err
}

// Clone is of credentials.TransportCredentials.
func (e explaining) Clone() credentials.TransportCredentials {
	return explaining{e.TransportCredentials.Clone(), e.log}
}

func explain(err error) string {
	var bad *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &bad) && len(bad.UnverifiedCertificates) > 0:
		return pki.Explain(bad.UnverifiedCertificates[0], bad.Err)
	case errors.As(err, &record):
		return "the other side does not speak TLS: is it plain?"
	case strings.Contains(err.Error(), alert):
		return refusedHere(err.Error())
	}
	return err.Error()
}

// refusedHere makes a sentence of what the other side said of this one's certificate.
func refusedHere(text string) string {
	_, text, _ = strings.Cut(text, alert)
	text, _, _ = strings.Cut(text, `"`)
	return "the other side refuses the certificate of this one: " + text
}

// untrusting returns what a connection failed with for want of trust, or "".
func untrusting(text string) string {
	if _, why, ok := strings.Cut(text, untrusted); ok {
		return strings.TrimSuffix(why, `"`)
	}
	if strings.Contains(text, alert) {
		return refusedHere(text)
	}
	return ""
}

// refusals tells of those who were not let in, but not of each: garbage on a port must
// not fill a disk.
type refusals struct {
	log func(string)

	mu     sync.Mutex
	next   time.Time
	untold int
}

const tellEvery = time.Second

func (r *refusals) say(from net.Addr, why string) {
	if r.log == nil {
		return
	}
	r.mu.Lock()
	now := time.Now()
	if now.Before(r.next) {
		r.untold++
		r.mu.Unlock()
		return
	}
	more := ""
	if r.untold > 0 {
		more = fmt.Sprintf(" (and %d others before)", r.untold)
	}
	r.next, r.untold = now.Add(tellEvery), 0
	r.mu.Unlock()
	r.log(fmt.Sprintf("%s was refused: %s%s", from, why, more))
}
