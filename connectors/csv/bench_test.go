package csv

import (
	"bytes"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/rdd"
)

// trip is a file like the recorded trips: eleven numbers, a date and texts.
func trip(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("Date,Time,Soc,Speed,Mode,LAT,LON,ALT,GpsSpeed,Temperature,Humidity,Weather,WindSpeedAv,Traffic,SpeedLimit\n")
	for i := range rows {
		fmt.Fprintf(&b, "03/29/2021,%02d:%02d:%02d,97.%02d0000,%d.880000,%c,33.9%05d,-6.7%05d,143.000000,4.222560,27.300000,41.000000,Clouds,4.120000,%d,40.000000\n",
			i/3600%24, i/60%60, i%60, i%100, i%80, "DNR"[i%3], i%99999, i*7%99999, i%3)
	}
	return b.Bytes()
}

// BenchmarkRead reads all columns, three of them, and all as encoding/csv and
// strconv do.
func BenchmarkRead(b *testing.B) {
	const rows = 50_000
	data := trip(rows)
	f := formatOf(b, rdd.Options{"types": map[string]string{"Date": "date"}, "date_format": "MM/dd/yyyy"})
	schema, err := f.Infer(b.Context(), []files.Head{{Path: "a.csv", Data: data[:64<<10]}})
	if err != nil {
		b.Fatal(err)
	}
	pool := kernel.NewPool(1 << 30)
	for name, columns := range map[string][]string{"all": namesOf(schema), "three": {"Soc", "Mode", "LAT"}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				n := int64(0)
				err := each(b.Context(), f, files.Input{Path: "a.csv", R: bytes.NewReader(data)}, schema, rdd.Projection{Columns: columns, Mem: pool, Rows: 16 << 10},
					func(fr *rdd.Frame) { n += fr.Batch.NumRows() })
				if err != nil || n != rows {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
	b.Run("encoding_csv", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if err := standard(data, schema); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	})
}

func standard(data []byte, schema *arrow.Schema) error {
	r := stdcsv.NewReader(bytes.NewReader(data))
	r.ReuseRecord = true
	floats := make([][]float64, schema.NumFields())
	texts := make([][]string, schema.NumFields())
	if _, err := r.Read(); err != nil {
		return err
	}
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, v := range rec {
			switch schema.Field(i).Type.ID() {
			case arrow.FLOAT64, arrow.INT64:
				x, err := strconv.ParseFloat(v, 64)
				if err != nil {
					return err
				}
				floats[i] = append(floats[i], x)
			default:
				texts[i] = append(texts[i], strings.Clone(v))
			}
		}
	}
}

// BenchmarkWrite writes what was read.
func BenchmarkWrite(b *testing.B) {
	data := trip(16 << 10)
	f := formatOf(b, nil)
	schema, err := f.Infer(b.Context(), []files.Head{{Path: "a.csv", Data: data[:64<<10]}})
	if err != nil {
		b.Fatal(err)
	}
	e := &encoder{delimiter: ',', quote: '"', header: true}
	err = each(b.Context(), f, files.Input{Path: "a.csv", R: bytes.NewReader(data)}, schema, rdd.Projection{Columns: namesOf(schema)}, func(fr *rdd.Frame) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			w, err := e.Open(io.Discard, "all", schema)
			if err == nil {
				err = errors.Join(w.Write(fr.Batch), w.Close())
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
}
