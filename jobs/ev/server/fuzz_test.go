package server_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/server"
	"github.com/idag/idag/jobs/ev/state"
)

// FuzzAdvance: whatever stands in the columns of a round makes a state that can be read,
// or is Invalid; nothing panics.
func FuzzAdvance(f *testing.F) {
	add := func(options string, rows ...server.Row) {
		s := new(server.Submissions)
		for _, r := range rows {
			if err := s.Add(r); err != nil {
				f.Fatal(err)
			}
		}
		f.Add("model=linear;"+options, begun().Append(nil), s.AppendState(nil))
	}
	add("", row("", "a", 1), row("", "b", 2))
	add("keep=1", row("keep=1", "a", 1), row("keep=1", "b", 2), row("keep=1", "c", 3))
	add("control=learned", row("control=learned", "a", 1), row("control=learned", "b", 2))
	s := begun()
	s.Nodes = []state.Node{{Name: "a", Base: s.Params, Local: s.Params, Link: 1}}
	f.Add("model=linear;control=learned", s.Append(nil), must(gathered(f, row("control=learned", "a", 1)).Append(nil)))
	add("method=median;central=1", row("method=median;central=1", "a", 1), server.Row{Rows: state.AppendRows(nil, 8, make([]float32, 9))})
	add("method=fedasync", row("method=fedasync", "a", 1))
	f.Fuzz(func(t *testing.T, options string, old, in []byte) {
		h, err := how.Parse(options)
		if err != nil || h.Central > 10 {
			return
		}
		if n := len(old) - 4; n >= 0 { // what is damaged by chance is found by its checksum: look behind it
			old = binary.LittleEndian.AppendUint32(old[:n:n], crc32.Checksum(old[:n], crc32.MakeTable(crc32.Castagnoli)))
		}
		s, err := state.Read(old)
		if err != nil {
			s = begun()
		}
		r, err := state.DecodeRound(in)
		if err != nil {
			return
		}
		next, _, err := server.Advance(h, s, r)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		if _, err := state.Decode(next.Text()); err != nil {
			t.Errorf("a state that cannot be read: %v", err)
		}
		if err := new(server.Submissions).Merge(in); err != nil && fault.Of(err) != fault.Invalid {
			t.Errorf("%v", err)
		}
	})
}
