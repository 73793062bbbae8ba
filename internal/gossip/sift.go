package gossip

import (
	"net"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// rule says what a person is told when memberlist logs a line with all of has in it. $1
// to $9 are what stands in place of each *.
type rule struct{ has, says string }

// rules are tried in this order; a line that none is for is dropped if it is [DEBUG] or
// [INFO], else told as it is. Comings and goings are told by the table.
func rules() []rule {
	return []rule{
		{"[DEBUG]", ""},
		{"[INFO]", ""},
		{"no installed keys could decrypt*from=*", "refused $2: it has another key, or none"},
		{"Decrypt packet failed*from=*", "refused $2: it has another key, or none"},
		{"encryption is configured but remote state is not encrypted*from=*", "refused $2: it is not encrypted, this node is"},
		{"remote state is encrypted and encryption is not configured*from=*", "refused $2: it is encrypted, this node is not"},
		{"unacceptable label*from=*", "refused $2: it is of another cluster, or no node of idag"},
		{"Failed push/pull merge: * from=*", "refused $2: $1"},
		{"ignoring alive message for '*': *", "refused $1: $2"},
		{"Ignoring an alive message for '*'*", "refused $1: it speaks another protocol"},
		{"Conflicting address for *. Mine: * Theirs: * Old*", "two nodes are called $1: one at $2, one at $3; the second is not let in"},
		{"Refuting a suspect message", "others take this node for dead: it, or the network, is too slow"},
		{"Refuting a dead message", "others take this node for dead: it, or the network, is too slow"},
		{"Refuting an alive message", ""},
		{"Was able to connect to * over TCP but UDP*", "$1 answers over TCP, not over UDP: is UDP let through?"},
		{"Got ping for unexpected node", ""},
		{"Failed fallback TCP ping", ""},
		{"Push/Pull with", ""},
		{"Failed to send", ""},
		{"Failed to forward ack", ""},
		{"Binding to public address without encryption", "the gossip is open: it listens on a public address without a key"},
		{"handler queue full", "more messages than this node can take: some are dropped"},
		{"stream label header: *from=*", "refused $2: it is no node of idag"},
		{"failed to receive: EOF", ""},
		{"failed to receive: *i/o timeout*", ""},
		{"failed to receive: *reset by peer*", ""},
	}
}

// why says in plain words why a node could not be joined.
func why(err error) string {
	text := err.Error()
	for _, r := range []rule{
		{"remote error: encryption is configured but remote state is not", "it is encrypted and this node has no key"},
		{"remote error: remote state is encrypted and encryption is not", "it has no key, this node has one"},
		{"remote state is encrypted and encryption is not configured", "it is encrypted and this node has no key"},
		{"encryption is configured but remote state is not encrypted", "it has no key, this node has one"},
		{"no installed keys could decrypt", "it has another key"},
		{"connection refused", "nobody listens there"},
		{"i/o timeout", "it does not answer"},
		{"no route to host", "there is no way to it"},
		{"EOF", "it hung up: is it a node of idag, of this cluster?"},
		{"reset by peer", "it hung up: is it a node of idag, of this cluster?"},
	} {
		if strings.Contains(text, r.has) {
			return r.says
		}
	}
	if _, reason, ok := strings.Cut(text, "failed to join "); ok {
		_, text, _ = strings.Cut(reason, ": ")
	}
	return printable(strings.TrimSpace(text))
}

// sieve tells people of what memberlist logs what they need, once in a while.
type sieve struct {
	rules  []pattern
	last   map[string]time.Time
	minute time.Time // when the minute began of which told counts the lines
	told   int
}

type pattern struct {
	line *regexp.Regexp
	says string
}

const (
	again     = time.Minute // a line is repeated no sooner
	most      = 60          // lines a minute: who sends packets in the name of many hosts fills no disk
	lineLimit = 400
)

func newSieve() *sieve {
	s := &sieve{last: map[string]time.Time{}}
	for _, r := range rules() {
		line := strings.ReplaceAll(regexp.QuoteMeta(r.has), `\*`, `(.*?)`)
		if strings.HasSuffix(r.has, "*") {
			line = strings.TrimSuffix(line, `(.*?)`) + `(.*)$`
		}
		s.rules = append(s.rules, pattern{line: regexp.MustCompile(line), says: r.says})
	}
	return s
}

// sift returns what a person is told of a line of memberlist's log, or "".
func (s *sieve) sift(line string) string {
	line = strings.TrimSpace(line)
	for _, r := range s.rules {
		m := r.line.FindStringSubmatchIndex(line)
		if m == nil {
			continue
		}
		return printable(string(r.line.ExpandString(nil, r.says, line, m)))
	}
	if _, text, ok := strings.Cut(line, "memberlist: "); ok {
		line = text
	}
	return printable(line)
}

// enough stands in place of the lines of a minute that are too many.
const enough = "there is more of this than can be told; until the minute is over it is left out"

// due returns whether a line is to be told now: not if it was a moment ago, or too many
// others were.
func (s *sieve) due(now time.Time, line string) bool {
	if line == "" {
		return false
	}
	key := source(line)
	if t, ok := s.last[key]; ok && now.Sub(t) < again {
		return false
	}
	if len(s.last) >= 256 {
		clear(s.last)
	}
	s.last[key] = now
	if now.Sub(s.minute) >= again {
		s.minute, s.told = now, 0
	}
	s.told++
	return s.told <= most
}

// source takes the ports out of a line, for each connection comes from another one.
func source(line string) string {
	words := strings.Fields(strings.ReplaceAll(line, "->", " -> "))
	for i, w := range words {
		if host, _, err := net.SplitHostPort(strings.TrimSuffix(w, ":")); err == nil {
			words[i] = host
		}
	}
	return strings.Join(words, " ")
}

// printable makes a line fit for a terminal, whatever others have put into it.
func printable(line string) string {
	line = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, line)
	if len(line) > lineLimit {
		line = strings.ToValidUTF8(line[:lineLimit], "") + "..."
	}
	return line
}
