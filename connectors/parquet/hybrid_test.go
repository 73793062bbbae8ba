package parquet

import (
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"pgregory.net/rapid"
)

// TestHybrid proves that codes come out as they were encoded, however they are
// asked for.
func TestHybrid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(0, 31).Draw(t, "width")
		value := rapid.Int32Range(0, int32(1<<width-1))
		var want []int32
		for range rapid.IntRange(0, 6).Draw(t, "runs") {
			if rapid.Bool().Draw(t, "repeat") {
				v := value.Draw(t, "value")
				for range rapid.IntRange(1, 70).Draw(t, "n") {
					want = append(want, v)
				}
			} else {
				want = append(want, rapid.SliceOfN(value, 1, 70).Draw(t, "values")...)
			}
		}
		var e rle.DictionaryEncoding
		src, err := e.EncodeInt32(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		src = append(make([]byte, 0, len(src)+slack), src...)
		var h hybrid
		if len(want) == 0 {
			return
		}
		if err := h.reset(src[1:], int(src[0])); err != nil {
			t.Fatal(err)
		}
		got := make([]int32, 0, len(want))
		for len(got) < len(want) {
			n := rapid.IntRange(1, len(want)-len(got)).Draw(t, "take")
			if err := h.read(got[len(got) : len(got)+n]); err != nil {
				t.Fatal(err)
			}
			got = got[:len(got)+n]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v became %v", want, got)
		}
		if src[0] > 0 && h.read(make([]int32, 9)) == nil {
			t.Error("read past the end")
		}
	})
}

// TestLevels proves the same of levels, and that bits around those that are
// written stay.
func TestLevels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var src []byte
		var want []bool
		for range rapid.IntRange(1, 6).Draw(t, "runs") {
			n := rapid.IntRange(1, 5).Draw(t, "bytes")
			if rapid.Bool().Draw(t, "repeat") {
				v := rapid.Bool().Draw(t, "value")
				src = append(src, byte(n*16), 0)
				if v {
					src[len(src)-1] = 1
				}
				for range n * 8 {
					want = append(want, v)
				}
				continue
			}
			bytes := rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "packed")
			src = append(append(src, byte(n<<1|1)), bytes...)
			for i := range n * 8 {
				want = append(want, bitutil.BitIsSet(bytes, i))
			}
		}
		var l levels
		l.reset(src)
		off := rapid.IntRange(0, 9).Draw(t, "offset")
		bits := make([]byte, (off+len(want))/8+2)
		total := 0
		for done := 0; done < len(want); {
			n := rapid.IntRange(1, len(want)-done).Draw(t, "take")
			if rapid.Bool().Draw(t, "ask") && l.allSet(n) {
				bitutil.SetBitsTo(bits, int64(off+done), int64(n), true)
				total += n
			} else {
				ones, err := l.read(bits, off+done, n)
				if err != nil {
					t.Fatal(err)
				}
				total += ones
			}
			done += n
		}
		ones := 0
		for i, v := range want {
			if bitutil.BitIsSet(bits, off+i) != v {
				t.Fatalf("bit %d of %v is wrong", i, want)
			}
			if v {
				ones++
			}
		}
		if total != ones || bitutil.CountSetBits(bits, 0, len(bits)*8) != ones {
			t.Errorf("counted %d of %d ones", total, ones)
		}
	})
}
