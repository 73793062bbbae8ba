package gossip

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
)

// What a person is told of the lines of memberlist, as v0.7.0 spells them.
func TestSift(t *testing.T) {
	s := newSieve()
	for _, c := range []struct{ line, want string }{
		{"[DEBUG] memberlist: Stream connection from=127.0.0.1:5", ""},
		{"[INFO] memberlist: Suspect c has failed, no acks received", ""},
		{"[INFO] memberlist: Marking c as failed, suspect timeout reached (1 peer confirmations)", ""},
		{"[ERR] memberlist: failed to receive: no installed keys could decrypt the message from=10.0.0.1:5", "refused 10.0.0.1:5: it has another key, or none"},
		{"[ERR] memberlist: Decrypt packet failed: no installed keys could decrypt the message from=10.0.0.1:5", "refused 10.0.0.1:5: it has another key, or none"},
		{"[ERR] memberlist: Decrypt packet failed: payload is too small to decrypt: 4 from=10.0.0.1:5", "refused 10.0.0.1:5: it has another key, or none"},
		{"[ERR] memberlist: failed to receive: encryption is configured but remote state is not encrypted from=[::1]:5", "refused [::1]:5: it is not encrypted, this node is"},
		{"[ERR] memberlist: failed to receive: remote state is encrypted and encryption is not configured from=10.0.0.1:5", "refused 10.0.0.1:5: it is encrypted, this node is not"},
		{`[ERR] memberlist: discarding stream with unacceptable label "": from=10.0.0.1:5`, "refused 10.0.0.1:5: it is of another cluster, or no node of idag"},
		{`[ERR] memberlist: discarding packet with unacceptable label "x": from=10.0.0.1:5`, "refused 10.0.0.1:5: it is of another cluster, or no node of idag"},
		{"[ERR] memberlist: Failed push/pull merge: it says nothing of itself from=10.0.0.1:5", "refused 10.0.0.1:5: it says nothing of itself"},
		{"[WARN] memberlist: ignoring alive message for 'c': it says nothing of itself", "refused c: it says nothing of itself"},
		{"[WARN] memberlist: ignoring alive message for 'c\x1b[2J': x", "refused c?[2J: x"},
		{"[WARN] memberlist: Ignoring an alive message for 'c' (10.0.0.1:5) because protocol version(s) are wrong: 0 <= 0 <= 0 should be >0", "refused c: it speaks another protocol"},
		{"[ERR] memberlist: Conflicting address for c. Mine: 10.0.0.1:5 Theirs: 10.0.0.2:5 Old state: 0", "two nodes are called c: one at 10.0.0.1:5, one at 10.0.0.2:5; the second is not let in"},
		{"[WARN] memberlist: Refuting a suspect message (from: c)", "others take this node for dead: it, or the network, is too slow"},
		{"[WARN] memberlist: Refuting a dead message (from: c)", "others take this node for dead: it, or the network, is too slow"},
		{"[WARN] memberlist: Refuting an alive message for 'c' (1.2.3.4:5) meta:([1] VS [2]), vsn:([] VS [])", ""},
		{"[WARN] memberlist: Was able to connect to c over TCP but UDP probes failed, network may be misconfigured", "c answers over TCP, not over UDP: is UDP let through?"},
		{"[WARN] memberlist: Got ping for unexpected node 'c' from=10.0.0.1:5", ""},
		{"[WARN] memberlist: Got ping for unexpected node c from=10.0.0.1:5", ""},
		{"[ERR] memberlist: Failed fallback TCP ping: timeout 200ms: read tcp: i/o timeout", ""},
		{"[ERR] memberlist: Push/Pull with c failed: dial tcp 10.0.0.1:5: connect: connection refused", ""},
		{"[ERR] memberlist: Failed to send UDP ping: write udp: network is unreachable", ""},
		{"[ERR] memberlist: failed to receive: read tcp 10.0.0.1:5->10.0.0.2:6: i/o timeout from=10.0.0.1:5", ""},
		{"[ERR] memberlist: failed to receive and remove the stream label header: read tcp 10.0.0.1:5->10.0.0.2:6: i/o timeout from=10.0.0.2:6", "refused 10.0.0.2:6: it is no node of idag"},
		{"[ERR] memberlist: failed to receive and remove the stream label header: EOF from=10.0.0.2:6", "refused 10.0.0.2:6: it is no node of idag"},
		{"[WARN] memberlist: Binding to public address without encryption!", "the gossip is open: it listens on a public address without a key"},
		{"[WARN] memberlist: handler queue full, dropping message (3) from=10.0.0.1:5", "more messages than this node can take: some are dropped"},
		{"[ERR] memberlist: msg type (99) not supported from=10.0.0.1:5", "msg type (99) not supported from=10.0.0.1:5"},
		{"[ERR] Failed to shutdown transport: x\n", "[ERR] Failed to shutdown transport: x"},
		{"", ""},
	} {
		if got := s.sift(c.line); got != c.want {
			t.Errorf("%q is told as %q, want %q", c.line, got, c.want)
		}
	}
}

// Others put what they like into lines: no line is longer than some, and none moves the
// cursor of a terminal.
func FuzzSift(f *testing.F) {
	f.Add("[WARN] memberlist: ignoring alive message for '\x1b]0;x\a': \xff")
	f.Add("[ERR] memberlist: Conflicting address for " + strings.Repeat("é", 400))
	s := newSieve()
	f.Fuzz(func(t *testing.T, line string) {
		got := s.sift(line)
		if len(got) > lineLimit+3 {
			t.Errorf("%d bytes", len(got))
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) {
			t.Errorf("%q cannot be printed", got)
		}
	})
}

// The same line comes once a minute, whatever port it is about, and what is kept of
// lines is bounded.
func TestDue(t *testing.T) {
	s := newSieve()
	for _, c := range []struct {
		at   float64
		line string
		want bool
	}{
		{0, "refused 10.0.0.1:5: no", true},
		{1, "refused 10.0.0.1:6: no", false},
		{1, "refused 10.0.0.2:6: no", true},
		{1, "", false},
		{59, "refused 10.0.0.1:7: no", false},
		{60, "refused 10.0.0.1:8: no", true},
		{61, "refused 10.0.0.1:9: no", false},
		{62, "read tcp 10.0.0.1:5->10.0.0.2:6: no", true},
		{62, "read tcp 10.0.0.1:5->10.0.0.2:7: no", false},
	} {
		if got := s.due(instant(c.at), c.line); got != c.want {
			t.Errorf("at %v %q: %v", c.at, c.line, got)
		}
	}
	told := 0
	for i := range 10_000 {
		if s.due(instant(200), fmt.Sprint("line ", i)) {
			told++
		}
	}
	if told != most {
		t.Errorf("%d lines are told in a minute", told)
	}
	if !s.due(instant(261), "the next minute") {
		t.Error("a minute later there is no line")
	}
	if len(s.last) > 256 {
		t.Errorf("%d lines are kept", len(s.last))
	}
}

// Why a node could not be joined, in plain words.
func TestWhy(t *testing.T) {
	const join = "1 error occurred:\n\t* failed to join 10.0.0.1:5: "
	for _, c := range []struct{ err, want string }{
		{join + "dial tcp 10.0.0.1:5: connect: connection refused\n\n", "nobody listens there"},
		{join + "dial tcp 10.0.0.1:5: i/o timeout\n\n", "it does not answer"},
		{join + "dial tcp 10.0.0.1:5: connect: no route to host\n\n", "there is no way to it"},
		{join + "EOF\n\n", "it hung up: is it a node of idag, of this cluster?"},
		{join + "no installed keys could decrypt the message\n\n", "it has another key"},
		{join + "remote error: encryption is configured but remote state is not encrypted\n\n", "it is encrypted and this node has no key"},
		{join + "remote state is encrypted and encryption is not configured\n\n", "it is encrypted and this node has no key"},
		{join + "encryption is configured but remote state is not encrypted\n\n", "it has no key, this node has one"},
		{join + "remote error: remote state is encrypted and encryption is not configured\n\n", "it has no key, this node has one"},
		{join + "it speaks format 2 of the gossip\n\n", "it speaks format 2 of the gossip"},
		{"something\x1b else", "something? else"},
	} {
		if got := why(errors.New(c.err)); got != c.want {
			t.Errorf("%q: %q, want %q", c.err, got, c.want)
		}
	}
	if again != time.Minute {
		t.Error("TestDue is about another pause")
	}
}
