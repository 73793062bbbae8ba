package gossip

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/idag/idag/internal/fault"
	"pgregory.net/rapid"
)

// drawSaid draws what a node may say of itself, at its limits more often than not.
func drawSaid(t *rapid.T) said {
	text := func(limit int, name string) string {
		n := rapid.OneOf(rapid.IntRange(0, limit), rapid.Just(limit), rapid.Just(0)).Draw(t, name+" length")
		s := strings.Repeat(rapid.SampledFrom([]string{"a", "é", "日", "🦆", "-"}).Draw(t, name), n)
		for len(s) > n {
			_, size := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-size]
		}
		return s
	}
	s := said{
		Role:    rapid.SampledFrom([]Role{Executor, Driver, Standby, Observer}).Draw(t, "role"),
		Stance:  stance(rapid.IntRange(0, int(goodbye)).Draw(t, "stance")),
		Settled: rapid.Bool().Draw(t, "settled"),
		From:    rapid.Int64Min(0).Draw(t, "from"),
		Slots:   rapid.IntRange(0, slotsLimit).Draw(t, "slots"),
		Memory:  rapid.Int64Min(0).Draw(t, "memory"),
		Site:    text(siteLimit, "site"),
		Version: text(versionLimit, "version"),
	}
	if rapid.Bool().Draw(t, "has tasks") {
		s.RPC = strings.Repeat("h", rapid.IntRange(1, rpcLimit-6).Draw(t, "host length")) + ":65535"
	}
	for range rapid.IntRange(0, 50).Draw(t, "plans") {
		s.Plans = append(s.Plans, rapid.StringMatching("[0-9a-f]{1,64}").Draw(t, "plan"))
	}
	return s
}

// Whatever a node may say of itself fits, arrives as it was said, and of the plans the
// last ones arrive, in their order, as many as there is room for.
func TestMetaArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSaid(t)
		if err := s.check(); err != nil {
			t.Fatalf("it may not say %+v: %v", s, err)
		}
		b := s.encode(metaLimit)
		if len(b) > metaLimit {
			t.Fatalf("%d bytes", len(b))
		}
		got, err := decode(b)
		if err != nil {
			t.Fatal(err)
		}
		all := prefixes(s.Plans)
		last := all[len(all)-len(got.Plans):]
		if !slices.Equal(last, got.Plans) {
			t.Fatalf("plans %q arrive as %q", s.Plans, got.Plans)
		}
		if missing := len(all) - len(got.Plans); missing > 0 && len(b)+1+len(all[missing-1]) <= metaLimit {
			t.Fatalf("there was room for another of %d plans in %d bytes", missing, len(b))
		}
		got.Plans, s.Plans = nil, nil
		if !reflect.DeepEqual(s, got) {
			t.Fatalf("%+v arrives as %+v", s, got)
		}
	})
}

// The longest that a node may say, without plans, fits: so that nothing that check
// accepts can end the process.
func TestMetaLongest(t *testing.T) {
	s := said{Role: Observer, Stance: goodbye, Settled: true, From: 1<<63 - 1, Slots: slotsLimit, Memory: 1<<63 - 1, RPC: strings.Repeat("h", rpcLimit-6) + ":65535",
		Site: strings.Repeat("s", siteLimit), Version: strings.Repeat("v", versionLimit)}
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.encode(metaLimit)); n > metaLimit-4*(planLimit+1) {
		t.Errorf("%d of %d bytes: there is no room for 4 plans", n, metaLimit)
	}
	// Beside the name it fits into one packet of memberlist, or it would never be sent.
	p := Local()
	if packet := nameLimit + metaLimit + 200; packet > p.settings("").UDPBufferSize {
		t.Errorf("%d bytes do not fit into a packet", packet)
	}
}

// Metadata of others that is out of order is refused with a reason.
func TestMetaRefused(t *testing.T) {
	good := said{Role: Executor, Slots: 2, RPC: "h:1", Site: "s", Version: "v", Plans: []string{"ab"}}
	whole := good.encode(metaLimit)
	with := func(change func(*said)) []byte {
		s := good
		change(&s)
		return s.encode(metaLimit)
	}
	at := func(i int, b byte) []byte {
		c := slices.Clone(whole)
		c[i] = b
		return c
	}
	for _, c := range []struct {
		name, want string
		meta       []byte
	}{
		{"nothing", "nothing of itself", nil},
		{"another format", "format 2", at(0, 2)},
		{"text", "speaks format 123", []byte(`{"role":"executor"}`)},
		{"no role", "no role", at(1, 0)},
		{"a role of tomorrow", "no role", at(1, 9)},
		{"a stance of tomorrow", "no stance 3", at(2, 3)},
		{"a bit of tomorrow", "no stance 8", at(2, 8)},
		{"too much", "limit is 512", append(slices.Clone(whole), make([]byte, 512)...)},
		{"too little", "garbled", whole[:len(whole)-1]},
		{"one byte more", "garbled", append(slices.Clone(whole), 0)},
		{"only the format", "garbled", []byte{metaFormat}},
		{"a number without end", "garbled", append([]byte{metaFormat, 1, 0}, bytes.Repeat([]byte{255}, 20)...)},
		{"a number beyond 63 bits", "garbled", append([]byte{metaFormat, 1, 0}, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1)},
		{"too many slots", "out of range", with(func(s *said) { s.Slots = slotsLimit + 1 })},
		{"a terminal's escape", "cannot be printed", with(func(s *said) { s.Site = "\x1b[2J" })},
		{"a line break", "cannot be printed", with(func(s *said) { s.Version = "1\n2" })},
		{"broken UTF-8", "cannot be printed", with(func(s *said) { s.Site = "\xff" })},
		{"text from right to left", "cannot be printed", with(func(s *said) { s.Site = "a\u202eb" })},
		{"a long site", "the limit is 64", with(func(s *said) { s.Site = strings.Repeat("s", 65) })},
		{"tasks nowhere", "not host:port", with(func(s *said) { s.RPC = "nowhere" })},
		{"tasks without a host", "not host:port", with(func(s *said) { s.RPC = ":7700" })},
		{"tasks at a port beyond", "no port", with(func(s *said) { s.RPC = "h:99999" })},
		{"tasks at port 0", "no port", with(func(s *said) { s.RPC = "h:0" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode(c.meta)
			if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	many := slices.Clone(whole[:len(whole)-4])
	if _, err := decode(append(many, plansLimit+1)); err == nil || !strings.Contains(err.Error(), "33 plans") {
		t.Errorf("33 plans: %v", err)
	}
}

// FuzzDecode: bytes of anybody do not end the process; what is accepted is in order and
// can be said again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{metaFormat})
	f.Add(said{Role: Executor}.encode(metaLimit))
	f.Add(said{Role: Driver, Stance: leaving, Settled: true, From: 1, Slots: 4, Memory: 1 << 40, RPC: "[::1]:7700", Site: "edge", Version: "v1.2.3",
		Plans: []string{"0123456789abcdef", "f"}}.encode(metaLimit))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			return
		}
		if err := s.check(); err != nil {
			t.Fatalf("%+v was accepted: %v", s, err)
		}
		again, err := decode(s.encode(metaLimit))
		if err != nil {
			t.Fatal(err)
		}
		// Numbers may come longer than they need to be: then the last plans may not fit.
		if len(b) <= len(s.encode(metaLimit)) && !reflect.DeepEqual(s, again) {
			t.Fatalf("%+v is %+v when said again", s, again)
		}
	})
}
