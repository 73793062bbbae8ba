package gossip

import (
	"encoding/binary"
	"net"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/idag/idag/internal/fault"
)

// What a node says of itself travels as metadata of memberlist, which ends the process
// when there are more than 512 bytes of it. The limits below leave room for it all;
// prefixes of plan digests take what is left.
const (
	metaFormat = 1 // the first byte: a node refuses those that speak another format
	metaLimit  = 512

	nameLimit    = 128 // not part of the metadata, but of every message
	rpcLimit     = 128
	siteLimit    = 64
	versionLimit = 64
	planLimit    = 16 // bytes of a prefix
	plansLimit   = 32 // prefixes
	slotsLimit   = 1 << 20
)

// stance is what a node says of its staying.
type stance byte

const (
	staying stance = iota
	leaving
	goodbye // it goes right now: whoever misses it afterwards knows why

	settledBit = 4 // beside the stance, in one byte
)

// said is what a node says of itself.
type said struct {
	Role    Role
	Stance  stance
	Settled bool  // see claim
	From    int64 // see claim
	Slots   int
	Memory  int64
	RPC     string
	Site    string
	Version string
	Plans   []string
}

// claim is what a node at addr says of its claim to its name.
func (s said) claim(addr string) claim {
	return claim{settled: s.Settled, from: s.From, addr: addr}
}

// says is what a member says of itself.
func says(m Member, s stance, c claim) said {
	return said{Role: m.Role, Stance: s, Settled: c.settled, From: c.from, Slots: m.Slots, Memory: m.Memory, RPC: m.RPC, Site: m.Site,
		Version: m.Version, Plans: m.Plans}
}

// member is a node as what it says of itself shows it.
func (s said) member(name, gossip string) Member {
	return Member{Name: name, Role: s.Role, Gossip: gossip, RPC: s.RPC, Slots: s.Slots, Memory: s.Memory, Site: s.Site,
		Version: s.Version, Plans: s.Plans}
}

// encode returns the metadata, of at most limit bytes: the oldest plans are left out,
// and their digests are cut. What check accepts fits into [metaLimit] without plans.
func (s said) encode(limit int) []byte {
	b := []byte{metaFormat, roleCode(s.Role), byte(s.Stance)}
	if s.Settled {
		b[2] |= settledBit
	}
	b = binary.AppendUvarint(b, uint64(s.From))
	b = binary.AppendUvarint(b, uint64(s.Slots))
	b = binary.AppendUvarint(b, uint64(s.Memory))
	for _, text := range []string{s.RPC, s.Site, s.Version} {
		b = appendText(b, text)
	}
	plans, room := prefixes(s.Plans), limit-len(b)-1
	first := len(plans)
	for first > 0 && room >= 1+len(plans[first-1]) {
		first--
		room -= 1 + len(plans[first])
	}
	b = append(b, byte(len(plans)-first))
	for _, p := range plans[first:] {
		b = appendText(b, p)
	}
	return b
}

// prefixes returns the last plans that can be told of, their digests cut.
func prefixes(plans []string) []string {
	var out []string
	for _, p := range plans[max(0, len(plans)-plansLimit):] {
		out = append(out, p[:min(len(p), planLimit)])
	}
	return out
}

func appendText(b []byte, text string) []byte {
	return append(append(b, byte(len(text))), text...)
}

// decode reads metadata that another node sent. It believes nothing: what is out of
// order is fault.Invalid, with a reason.
func decode(b []byte) (said, error) {
	if len(b) == 0 {
		return said{}, fault.New(fault.Invalid, "it says nothing of itself")
	}
	if b[0] != metaFormat {
		return said{}, fault.New(fault.Invalid, "it speaks format %d of the gossip, this node format %d: their versions do not go together",
			b[0], metaFormat)
	}
	if len(b) > metaLimit {
		return said{}, fault.New(fault.Invalid, "it says %d bytes of itself, the limit is %d", len(b), metaLimit)
	}
	r := reader{b: b[1:]}
	role, bits := roleOf(r.byte()), r.byte()
	s := said{Role: role, Stance: stance(bits &^ settledBit), Settled: bits&settledBit != 0, From: int64(r.number()),
		Slots: int(r.number()), Memory: int64(r.number()), RPC: r.text(), Site: r.text(), Version: r.text()}
	plans := int(r.byte())
	if plans > plansLimit {
		return said{}, fault.New(fault.Invalid, "it tells of %d plans, the limit is %d", plans, plansLimit)
	}
	for range plans {
		s.Plans = append(s.Plans, r.text())
	}
	if r.short || len(r.b) > 0 {
		return said{}, fault.New(fault.Invalid, "what it says of itself is garbled")
	}
	return s, s.check()
}

// check says what is wrong with what a node says of itself.
func (s said) check() error {
	if roleCode(s.Role) == 0 {
		return fault.New(fault.Invalid, "there is no role %q", s.Role)
	}
	if s.Stance > goodbye {
		return fault.New(fault.Invalid, "there is no stance %d", s.Stance)
	}
	if s.From < 0 || s.Slots < 0 || s.Slots > slotsLimit || s.Memory < 0 {
		return fault.New(fault.Invalid, "%d slots with %d bytes are out of range", s.Slots, s.Memory)
	}
	if err := s.checkTexts(); err != nil {
		return err
	}
	if s.RPC == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(s.RPC)
	if err != nil || host == "" {
		return fault.New(fault.Invalid, "the address of its tasks, %q, is not host:port", s.RPC)
	}
	if p, err := strconv.ParseUint(port, 10, 16); err != nil || p == 0 {
		return fault.New(fault.Invalid, "the address of its tasks, %q, has no port", s.RPC)
	}
	return nil
}

func (s said) checkTexts() error {
	for _, t := range []struct {
		what, text string
		limit      int
	}{{"the address of its tasks", s.RPC, rpcLimit}, {"the site", s.Site, siteLimit}, {"the version", s.Version, versionLimit}} {
		if err := checkText(t.what, t.text, t.limit); err != nil {
			return err
		}
	}
	for _, p := range s.Plans {
		if err := checkText("the digest of a plan", p[:min(len(p), planLimit)], planLimit); err != nil {
			return err
		}
	}
	return nil
}

// checkName says what is wrong with the name of a node.
func checkName(name string) error {
	if name == "" {
		return fault.New(fault.Invalid, "a node needs a name")
	}
	return checkText("the name", name, nameLimit)
}

// checkText says what is wrong with a text that goes into logs, paths and terminals.
func checkText(what, text string, limit int) error {
	if len(text) > limit {
		return fault.New(fault.Invalid, "%s has %d bytes, the limit is %d: %q...", what, len(text), limit, text[:24])
	}
	odd := func(r rune) bool { return r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if strings.ContainsFunc(text, odd) {
		return fault.New(fault.Invalid, "%s %q has spaces or characters that cannot be printed", what, text)
	}
	return nil
}

func roleCode(r Role) byte {
	switch r {
	case Executor:
		return 1
	case Driver:
		return 2
	case Standby:
		return 3
	case Observer:
		return 4
	}
	return 0
}

func roleOf(code byte) Role {
	for _, r := range []Role{Executor, Driver, Standby, Observer} {
		if roleCode(r) == code {
			return r
		}
	}
	return ""
}

// reader takes metadata apart; short is set when there was less than asked for, or a
// number too large for an int64.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.short, n = true, 0
	}
	got := r.b[:n]
	r.b = r.b[n:]
	return got
}

func (r *reader) byte() byte {
	if got := r.take(1); len(got) == 1 {
		return got[0]
	}
	return 0
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<63-1 {
		r.short, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) text() string { return string(r.take(int(r.byte()))) }
