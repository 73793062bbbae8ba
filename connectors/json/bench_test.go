package json

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/rdd"
)

// events are rows of ten fields, about 190 bytes each.
func events(rows int) []byte {
	var b bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&b, `{"ts":"2026-03-%02dT%02d:%02d:%02d.%03dZ","meter":"m%05d","feeder":"f%03d","kind":"%s","wh":%d.%d,"back":%.3f,"mv":%d,"ma":%d,"code":%d,"ok":%t}`+"\n",
			i/86400%28+1, i/3600%24, i/60%60, i%60, i%1000, i*7919%10000, i*7919%100, []string{"information", "backup", "error"}[i%20/9],
			i*31%90000, i%10, float64(i%777)/8, 229000+i%2000, i%16000, i%64, i%3 == 0)
	}
	return b.Bytes()
}

func benchmarkRead(b *testing.B, columns ...string) {
	const rows = 100_000
	data := events(rows)
	f := newFormat(&settings{maxLine: 1 << 20})
	s, err := f.Infer(b.Context(), []files.Head{{Path: "bench", Data: data[:100_000]}})
	if err != nil {
		b.Fatal(err)
	}
	if columns == nil {
		columns = names(s)
	}
	pool := kernel.NewPool(1 << 28)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		n := int64(0)
		for fr, err := range f.Read(b.Context(), files.Input{R: bytes.NewReader(data)}, s, rdd.Projection{Columns: columns, Mem: pool, Rows: 16 << 10}) {
			if err != nil {
				b.Fatal(err)
			}
			n += fr.Batch.NumRows()
		}
		if n != rows {
			b.Fatalf("%d rows", n)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func names(s *arrow.Schema) []string {
	var out []string
	for _, f := range s.Fields() {
		out = append(out, f.Name)
	}
	return out
}

func BenchmarkRead(b *testing.B)      { benchmarkRead(b) }
func BenchmarkReadTwo(b *testing.B)   { benchmarkRead(b, "meter", "wh") }
func BenchmarkReadTexts(b *testing.B) { benchmarkRead(b, "meter", "feeder", "kind") }

// BenchmarkStandard reads the same rows into structs with encoding/json.
func BenchmarkStandard(b *testing.B) {
	const rows = 20_000
	data := events(rows)
	type event struct {
		TS     string  `json:"ts"`
		Meter  string  `json:"meter"`
		Feeder string  `json:"feeder"`
		Kind   string  `json:"kind"`
		Wh     float64 `json:"wh"`
		Back   float64 `json:"back"`
		MV     int64   `json:"mv"`
		MA     int64   `json:"ma"`
		Code   int64   `json:"code"`
		OK     bool    `json:"ok"`
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		for line := range bytes.Lines(data) {
			var e event
			if err := stdjson.Unmarshal(line, &e); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
