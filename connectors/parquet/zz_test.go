package parquet

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
	"fmt"
)

func TestZZ(t *testing.T) {
	good := smallFile(t, "snappy")
	r := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "z.parquet")
	for i := range 3000 {
		b := append([]byte(nil), good...)
		for range 1 + r.IntN(6) {
			j := r.IntN(len(b))
			if r.IntN(2) == 0 { j = len(b) - 1 - r.IntN(3000) }
			b[j] = byte(r.Uint32())
		}
		saveBytes(t, path, b)
		start := time.Now()
		_, err := tryRead(t, path)
		if d := time.Since(start); d > 200*time.Millisecond {
			fmt.Println(i, d, err)
		}
	}
}
