package sketch

import (
	"bytes"
	"encoding"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/idag/idag/internal/fault"
)

// anySketch is one sketch of any kind, so that what holds for all is tested once.
type anySketch interface {
	add(r row)
	merge(o anySketch) error
	fresh() anySketch
	String() string // the answers
	inBytes
}

// inBytes is what all kinds have.
type inBytes interface {
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
	MergeBinary(data []byte) error
	Bytes() int64
}

type row struct {
	key, place uint64
	value      string
}

type (
	anyCountMin struct{ *CountMin }
	anyMoment   struct{ *Moment }
	anyDistinct struct{ *Distinct }
	anySample   struct{ *Sample }
	anyHeavy    struct{ *Heavy }
)

func (s anyCountMin) add(r row) { s.Add(r.key, 1) }
func (s anyMoment) add(r row)   { s.Add(r.key, 1) }
func (s anyDistinct) add(r row) { s.Add(r.key) }
func (s anySample) add(r row)   { s.Add(r.place, []byte(r.value)) }
func (s anyHeavy) add(r row) {
	if s.Add(r.key, r.place) {
		s.Name(r.key, []byte(r.value))
	}
}

func (s anyCountMin) merge(o anySketch) error { return s.Merge(o.(anyCountMin).CountMin) }
func (s anyMoment) merge(o anySketch) error   { return s.Merge(o.(anyMoment).Moment) }
func (s anyDistinct) merge(o anySketch) error { return s.Merge(o.(anyDistinct).Distinct) }
func (s anySample) merge(o anySketch) error   { return s.Merge(o.(anySample).Sample) }
func (s anyHeavy) merge(o anySketch) error    { return s.Merge(o.(anyHeavy).Heavy) }

func (s anyCountMin) fresh() anySketch { return anyCountMin{s.Fresh()} }
func (s anyMoment) fresh() anySketch   { return anyMoment{s.Fresh()} }
func (s anyDistinct) fresh() anySketch { return anyDistinct{s.Fresh()} }
func (s anySample) fresh() anySketch   { return anySample{s.Fresh()} }
func (s anyHeavy) fresh() anySketch    { return anyHeavy{s.Fresh()} }

func (s anyCountMin) String() string {
	return fmt.Sprint(s.Total(), s.Exact(), s.Count(1), s.Count(2), s.Count(99))
}
func (s anyMoment) String() string   { return fmt.Sprint(s.Total(), s.Exact(), s.Estimate()) }
func (s anyDistinct) String() string { return fmt.Sprint(s.Count()) }
func (s anySample) String() string   { return fmt.Sprintf("%d %q", s.Total(), s.Values()) }
func (s anyHeavy) String() string    { return fmt.Sprintf("%d %v %v", s.Total(), s.Exact(), s.Items()) }

// small returns an empty sketch of each kind, so small that a few rows fill it.
func small(seed uint64) []anySketch {
	return []anySketch{
		anyCountMin{must(NewCountMin(0.25, 0.2, seed))},
		anyMoment{must(NewMoment(1, 0.9, seed))},
		anyDistinct{must(NewDistinct(0.5, seed))},
		anySample{must(NewSample(4, seed))},
		anyHeavy{must(NewHeavy(0.4, 0.4, 0.5, seed))},
	}
}

func written(t testing.TB, s anySketch) []byte {
	t.Helper()
	b, err := s.AppendBinary([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	return b[len("before"):]
}

func drawRows(t *rapid.T) []row {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) row {
		k := rapid.Uint64Range(0, 12).Draw(t, "key")
		return row{k, rapid.Uint64Range(0, 60).Draw(t, "place"), fmt.Sprint("value ", k)}
	}), 0, 60).Draw(t, "rows")
}

// Whatever the order of rows and however they are spread over sketches, which are
// merged in any shape of tree, some of them by way of their bytes and one into an
// empty one: the bytes are the same, and so are the answers.
func TestMergeIsIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := drawRows(t)
		shuffled := rapid.Permutation(rows).Draw(t, "order")
		parts := rapid.IntRange(1, 5).Draw(t, "parts")
		for i, whole := range small(rapid.Uint64().Draw(t, "seed")) {
			var part []anySketch
			for range parts {
				part = append(part, whole.fresh())
			}
			for _, r := range rows {
				whole.add(r)
			}
			for k, r := range shuffled {
				part[k*7%parts].add(r)
			}
			for len(part) > 1 {
				at := rapid.IntRange(1, len(part)-1).Draw(t, "at")
				if rapid.Bool().Draw(t, "as bytes") {
					if err := part[at-1].MergeBinary(must(part[at].AppendBinary(nil))); err != nil {
						t.Fatal(err)
					}
				} else if err := part[at-1].merge(part[at]); err != nil {
					t.Fatal(err)
				}
				part = slices.Delete(part, at, at+1)
			}
			got, want := must(part[0].AppendBinary(nil)), must(whole.AppendBinary(nil))
			if !bytes.Equal(got, want) || part[0].String() != whole.String() {
				t.Fatalf("kind %d: %v, whole %v\n%x\n%x", i, part[0], whole, got, want)
			}
		}
	})
}

// Reading what was written gives the same sketch, which goes on like it.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, more := drawRows(t), drawRows(t)
		for i, s := range small(rapid.Uint64().Draw(t, "seed")) {
			for _, r := range rows {
				s.add(r)
			}
			read := []anySketch{anyCountMin{new(CountMin)}, anyMoment{new(Moment)}, anyDistinct{new(Distinct)}, anySample{new(Sample)}, anyHeavy{new(Heavy)}}[i]
			if err := read.UnmarshalBinary(must(s.AppendBinary(nil))); err != nil {
				t.Fatal(err)
			}
			for _, r := range more {
				s.add(r)
				read.add(r)
			}
			if !bytes.Equal(must(read.AppendBinary(nil)), must(s.AppendBinary(nil))) || read.String() != s.String() {
				t.Fatalf("read %v, want %v", read, s)
			}
		}
	})
}

// Rows that come twice count once in a distinct count.
func TestDistinctIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := small(1)[2]
		for _, r := range drawRows(t) {
			d.add(r)
		}
		before := must(d.AppendBinary(nil))
		if err := d.merge(d); err != nil || !bytes.Equal(before, must(d.AppendBinary(nil))) {
			t.Fatalf("%v: %x, before %x", err, must(d.AppendBinary(nil)), before)
		}
	})
}

// Sketches of other parameters or seeds do not mix.
func TestMergeRefuses(t *testing.T) {
	others := []anySketch{
		anyCountMin{must(NewCountMin(0.2, 0.2, 1))},
		anyMoment{must(NewMoment(0.5, 0.9, 1))},
		anyDistinct{must(NewDistinct(0.3, 1))},
		anySample{must(NewSample(5, 1))},
		anyHeavy{must(NewHeavy(0.3, 0.4, 0.5, 1))},
	}
	for i, s := range small(1) {
		for _, o := range []anySketch{others[i], small(2)[i]} {
			if err := s.merge(o); fault.Of(err) != fault.Invalid {
				t.Errorf("kind %d merges: %v", i, err)
			}
			if err := s.MergeBinary(written(t, o)); fault.Of(err) != fault.Invalid {
				t.Errorf("kind %d merges bytes: %v", i, err)
			}
		}
		if err := s.MergeBinary(written(t, small(1)[(i+1)%5])); fault.Of(err) != fault.Invalid {
			t.Errorf("kind %d merges another kind: %v", i, err)
		}
	}
}

// Parameters out of range are the caller's mistake.
func TestParameters(t *testing.T) {
	nan := 0.0
	nan /= nan
	bad := func(name string, err error) {
		t.Helper()
		if fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, v := range []float64{0, -1, 1.5, nan, 1e-12} {
		_, err := NewCountMin(v, 0.1, 0)
		bad("count-min", err)
		_, err = NewMoment(v, 0.1, 0)
		bad("moment", err)
		_, err = NewDistinct(v, 0)
		bad("distinct", err)
		_, err = NewHeavy(v, 0.1, 0.1, 0)
		bad("heavy share", err)
		_, err = NewHeavy(0.1, v, 0.1, 0)
		bad("heavy error", err)
	}
	for _, v := range []float64{0, 1, nan} {
		_, err := NewCountMin(0.1, v, 0)
		bad("count-min delta", err)
	}
	_, err := NewSample(0, 0)
	bad("sample", err)
}

// Hostile bytes are an error, never a panic, and never much memory; what is read is
// written again as it was.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range small(3) {
		f.Add(written(f, s))
		for i := range 40 {
			s.add(row{uint64(i % 11), uint64(i), "v"})
		}
		f.Add(written(f, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range []anySketch{anyCountMin{new(CountMin)}, anyMoment{new(Moment)}, anyDistinct{new(Distinct)}, anySample{new(Sample)}, anyHeavy{new(Heavy)}} {
			err := s.UnmarshalBinary(data)
			if err != nil {
				if fault.Of(err) != fault.Invalid {
					t.Fatalf("%v is %v", err, fault.Of(err))
				}
				continue
			}
			if s.Bytes() > int64(1<<16+64*len(data)) {
				t.Fatalf("%d bytes made %d", len(data), s.Bytes())
			}
			if again := must(s.AppendBinary(nil)); !bytes.Equal(again, data) {
				t.Fatalf("%x was read as %x", data, again)
			}
			_ = s.String()
		}
	})
}

// Rows are taken in without allocation once a sketch has its size.
func TestAddDoesNotAllocate(t *testing.T) {
	for i, s := range []anySketch{
		anyCountMin{must(NewCountMin(0.01, 0.01, 1))}, anyMoment{must(NewMoment(0.2, 0.1, 1))},
		anyDistinct{must(NewDistinct(0.05, 1))}, anySample{must(NewSample(100, 1))}, anyHeavy{must(NewHeavy(0.01, 0.01, 0.01, 1))},
	} {
		n := uint64(0)
		value := []byte("value")
		next := func() {
			n++
			switch s := s.(type) {
			case anyCountMin:
				s.Add(n, 1)
			case anyMoment:
				s.Add(n, 1)
			case anyDistinct:
				s.Add(n)
			case anySample:
				s.Add(n, value)
			case anyHeavy:
				s.Add(n, n)
				s.Name(n, value)
			}
		}
		for range 50_000 {
			next()
		}
		if a := testing.AllocsPerRun(20_000, next); a > 0 {
			t.Errorf("kind %d: %v allocations a row", i, a)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	b.Run("count-min", func(b *testing.B) {
		s := must(NewCountMin(0.01, 0.01, 1))
		for i := range b.N {
			s.Add(uint64(i), 1)
		}
	})
	b.Run("moment", func(b *testing.B) {
		s := must(NewMoment(0.1, 0.05, 1))
		for i := range b.N {
			s.Add(uint64(i), 1)
		}
	})
	for _, keys := range []int{100, 1 << 40} {
		b.Run(fmt.Sprintf("distinct/%d", keys), func(b *testing.B) {
			s := must(NewDistinct(0.02, 1))
			for i := range b.N {
				s.Add(uint64(i % keys))
			}
		})
		b.Run(fmt.Sprintf("heavy/%d", keys), func(b *testing.B) {
			s := must(NewHeavy(0.01, 0.01, 0.01, 1))
			for i := range b.N {
				s.Add(uint64(i%keys), uint64(i))
			}
		})
	}
	b.Run("sample", func(b *testing.B) {
		s := must(NewSample(100, 1))
		for i := range b.N {
			s.Add(uint64(i), nil)
		}
	})
}
