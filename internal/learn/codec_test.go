package learn

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
)

// models are one of each kind, trained.
func models(t testing.TB) map[string]Model {
	classes, values := reference(60, 8)
	out := map[string]Model{"network": thesis(t, 1), "fresh": thesis(t, 2)}
	for _, c := range []struct {
		name string
		m    Model
		rows Rows
	}{
		{"network", out["network"], classes},
		{"linear", must[*Network](t)(NewLinear(8)), values},
		{"logistic", must[*Network](t)(NewLogistic(8)), classes},
	} {
		if err := c.m.Update(c.rows, Training{Epochs: 2}); err != nil {
			t.Fatal(err)
		}
		out[c.name] = c.m
	}
	out["forest"] = forest(t, classes, Growth{Trees: 3, Leaf: 2}, 1)
	return out
}

// A model read back predicts the same, is written the same, and trains on the same.
func TestRoundTrip(t *testing.T) {
	rows, _ := reference(60, 8)
	for name, m := range models(t) {
		b := must[[]byte](t)(m.AppendBinary([]byte("front")))[5:]
		back := must[Model](t)(Decode(b))
		for _, step := range []string{"read", "trained on"} {
			want, got := make([]float64, 60), make([]float64, 60)
			if err := m.Predict(rows, want); err != nil {
				t.Fatal(err)
			}
			if err := back.Predict(rows, got); err != nil {
				t.Fatal(err)
			}
			compare(t, name+" "+step, got, want, 0)
			if !bytes.Equal(must[[]byte](t)(back.AppendBinary(nil)), must[[]byte](t)(m.AppendBinary(nil))) {
				t.Errorf("%s, %s: other bytes", name, step)
			}
			for _, x := range []Model{m, back} {
				if err := x.Update(rows, Training{Seed: 3}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// sign gives bytes the checksum they need to be looked at.
func sign(b []byte) []byte {
	body := b[:len(b)-4]
	return binary.LittleEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

// Whatever is wrong with bytes is told.
func TestDecodeRefuses(t *testing.T) {
	good := must[[]byte](t)(thesis(t, 1).AppendBinary(nil))
	change := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return b
	}
	nan := bytes.Clone(good)
	binary.LittleEndian.PutUint64(nan[len(nan)-12:], math.Float64bits(math.NaN()))
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, "no model"},
		{"something else", []byte("PAR1 and so on"), "no model"},
		{"one bit", change(100, good[100]^1), "damaged"},
		{"cut off", good[:len(good)-1], "damaged"},
		{"another version", change(4, 2), "version 2, expected 1"},
		{"another kind", sign(change(5, 9)), "unknown kind 9"},
		{"another output", sign(change(6, 9)), "unknown output 9"},
		{"another width", sign(change(9, 13)), "widths [8 13 8 1]"},
		{"too many layers", sign(change(7, 17)), "beyond 16"},
		{"not a number", sign(nan), "parameter 220 is NaN"},
		{"memory without numbers", sign(change(12, 1)), "bytes of parameters"},
	} {
		m, err := Decode(c.b)
		if m != nil || err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	for i := range good {
		if _, err := Decode(good[:i]); fault.Of(err) != fault.Invalid {
			t.Fatalf("cut off at %d: %v", i, err)
		}
	}
}

// No bytes make Decode panic, and what it takes is a model that predicts and is
// written as it was.
func FuzzDecode(f *testing.F) {
	for _, m := range models(f) {
		f.Add(must[[]byte](f)(m.AppendBinary(nil)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 10 || len(b) > 1<<20 {
			return
		}
		b = sign(b)
		m, err := Decode(b)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(must[[]byte](t)(m.AppendBinary(nil)), b) {
			t.Fatal("written otherwise")
		}
		if err := m.Predict(Rows{Width: m.Width(), X: make([]float64, m.Width())}, make([]float64, 1)); err != nil {
			t.Fatal(err)
		}
	})
}
