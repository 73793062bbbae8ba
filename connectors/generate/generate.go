// Package generate is a connector that makes events: seeded, deterministic and
// replayable, for demonstrations, benchmarks and tests.
//
// A row is a pure function of the options, its partition and its sequence
// number. Every value is drawn by hashing these with a constant of its column
// (a counter-based generator: [SplitMix64]'s finaliser over a Weyl sequence),
// so any split can be made alone, by any node, and the rows do not depend on
// how they are cut into splits, batches and frames. The default options make
// the default data set on every machine.
//
// # Memory
//
// Strings are dictionary arrays whose values are made once, from Env.Mem, when
// the source is opened, and are shared by all frames; everything else comes
// from the projection's allocator.
//
// [SplitMix64]: https://doi.org/10.1145/2660193.2660195
package generate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// splitRows is the size of a split: small enough that a batch spreads over
// many tasks.
const splitRows = 64 << 10

// events is what a generator must do to be one: a meter or a fleet. It draws column
// values; the source around it cuts, replays and paces.
type events interface {
	// Schema of what Draw makes; its strings are dictionaries.
	Schema() *arrow.Schema
	// Draw makes column c of rows first to first+n of a partition.
	Draw(mem memory.Allocator, c int, partition int32, first int64, n int) arrow.Array
	// Times bounds the event times of rows first to first+n of a partition.
	Times(partition int32, first, n int64) rdd.TimeRange
	// Name is what people call a partition.
	Name(partition int32) string
	// Close gives back what the generator keeps.
	Close()
}

type source struct {
	gen  events
	name string
	rows []int64 // of each partition
	pace pace
}

var _ connectors.Source = (*source)(nil)

// Kind describes the connector.
func Kind() connectors.Kind {
	return connectors.Kind{
		Name:   "generate",
		Doc:    doc(),
		Fields: fields(),
		Examples: []connectors.Example{
			{Title: "Two million meter events over four days", YAML: "read: {generate: meter}"},
			{Title: "Thirteen electric vehicles on one day", YAML: "read: {generate: ev-fleet}"},
			{Title: "What the cars send and nothing else, on 30 days into a winter", YAML: "read: {generate: {events: ev-fleet, topics: [electric_car_data], trips: 30, drift: winter}}"},
			{Title: "An endless-looking stream: 50,000 rows a second, times out of order by up to a minute", YAML: "read: {generate: {events: meter, rows: 100000000, rate: 50000, disorder: 1 minute}}"},
		},
		Source: open,
	}
}

func doc() string {
	return `Seeded events of smart meters or of electric vehicles, the same on every machine. Any part of them can be made again alone.

The columns of ` + "`meter`" + ` are ts (timestamp), meter, feeder, kind and firmware (strings), wh and back (energy drawn and fed
back, in Wh), mv (voltage, in mV), ma (current, in mA) and code (whole number: the error's code, its hundreds the severity
from 1 to 5; null for events that are no errors). A meter belongs to one feeder and to one partition.

` + fleetDoc()
}

func fields() []connectors.Field {
	return []connectors.Field{
		{Name: "events", Type: connectors.String, Default: "meter", Main: true, Enum: []string{"meter", "ev-fleet"}, Doc: "What kind of events."},
		{Name: "rows", Type: connectors.Int, Default: int64(2_000_000), Doc: "Of meter. Rows in all."},
		{Name: "seed", Type: connectors.Int, Default: int64(1), Doc: "Another seed makes other rows."},
		{Name: "partitions", Type: connectors.Int, Default: int64(4), Doc: "Of meter. Source partitions; their rows are in sequence of time."},
		{Name: "meters", Type: connectors.Int, Default: int64(10_000), Doc: "Of meter. Devices."},
		{Name: "mix", Type: connectors.String, Default: "5/15/80", Doc: "Of meter. Error, backup and information events, in percent."},
		{Name: "start", Type: connectors.String, Default: "2026-01-05T00:00:00Z", Doc: "Event time of the first row, as in RFC 3339."},
		{Name: "span", Type: connectors.Duration, Default: "4 days", Doc: "Of meter. Event time from the first row to the last."},
		{Name: "disorder", Type: connectors.Duration, Default: "0s", Doc: "Of meter. How much an event's time may lie before its place in the sequence, at the most."},
		{Name: "dirt", Type: connectors.Float, Default: 0.0, Doc: "Of meter. Fraction of rows of a kind that no label is known for."},
		{Name: "cars", Type: connectors.Int, Default: int64(len(thirteen())), Doc: "Of ev-fleet. Cars; those beyond thirteen are like one of these, with another start, charge and age."},
		{Name: "trips", Type: connectors.Int, Default: int64(1), Doc: "Of ev-fleet. Days on which all cars drive, from the same beginnings through other weather. All are simulated once when the source is opened, about 0.1 ms a car and day."},
		{Name: "topics", Type: connectors.Strings, Default: defaultTopics(), Doc: "Of ev-fleet. The partitions, by name: electric_car_data, node1_data to node4_data, node1_server_data to node4_server_data."},
		{Name: "drift", Type: connectors.String, Default: "none", Enum: []string{"none", "winter", "traffic", "both"}, Doc: "Of ev-fleet. What becomes worse from the first trip to the last: snow from 15 to 60 %, heavy traffic from 15 to 50 %."},
		{Name: "faults", Type: connectors.Float, Default: 0.005, Doc: "Of ev-fleet. Fraction of events with a sensor that failed: charge, speed or consumption is null."},
		{Name: "rate", Type: connectors.Float, Default: 0.0, Doc: "Rows a second; 0 is as fast as they are taken."},
	}
}

func open(_ context.Context, o rdd.Options, env connectors.Env) (connectors.Source, error) {
	rows, _ := o["rows"].(int64)
	parts, _ := o["partitions"].(int64)
	meters, _ := o["meters"].(int64)
	rate, _ := o["rate"].(float64)
	if !(rate >= 0) {
		return nil, wrong("rate", "expected 0 or more, got %v", rate)
	}
	events, _ := o["events"].(string)
	if err := ownOptions(o, events); err != nil {
		return nil, err
	}
	if events == "ev-fleet" {
		return openFleet(o, env)
	}
	switch {
	case rows < 0:
		return nil, wrong("rows", "expected 0 or more, got %d", rows)
	case parts < 1 || parts > 1024:
		return nil, wrong("partitions", "expected 1 to 1024, got %d", parts)
	case meters < parts || meters > 10_000_000:
		return nil, wrong("meters", "expected at least one a partition and 10,000,000 at the most, got %d", meters)
	}
	s := &source{rows: make([]int64, parts), pace: pace{rate: rate}}
	for i := range s.rows {
		s.rows[i] = (rows + parts - 1 - int64(i)) / parts
	}
	m, err := newMeter(o, s.rows[0], env.Mem)
	if err != nil {
		return nil, err
	}
	s.name, s.gen = "meter", m
	return s, nil
}

// ownOptions refuses options that the kind of events does not have, where they are
// given another value than they have anyway: they would not do what they say.
func ownOptions(o rdd.Options, events string) error {
	for _, f := range fields() {
		of, _, _ := strings.Cut(strings.TrimPrefix(f.Doc, "Of "), ". ")
		if of == f.Doc || of == events || !strings.HasPrefix(f.Doc, "Of ") {
			continue
		}
		usual, err := f.Type.Convert(f.Default)
		if err != nil {
			return fault.Wrap(fault.Bug, err)
		}
		if given, ok := o[f.Name]; ok && !reflect.DeepEqual(given, usual) {
			return wrong(f.Name, "is of %s events; those of %s do not have it", of, events)
		}
	}
	return nil
}

// openFleet takes the options of ev-fleet: the simulation says how many rows there
// are.
func openFleet(o rdd.Options, env connectors.Env) (connectors.Source, error) {
	f, err := newFleet(o, env.Mem)
	if err != nil {
		return nil, err
	}
	rate, _ := o["rate"].(float64)
	s := &source{gen: f, name: "ev-fleet", rows: make([]int64, len(f.topics)), pace: pace{rate: rate}}
	for p := range s.rows {
		s.rows[p] = f.rows(p)
	}
	return s, nil
}

// startOf is the event time of the first row, in microseconds.
func startOf(o rdd.Options) (int64, error) {
	text, _ := o["start"].(string)
	start, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, wrong("start", "expected a time such as 2026-01-05T00:00:00Z, got %q", text)
	}
	return start.UnixMicro(), nil
}

func wrong(option, format string, args ...any) error {
	return &connectors.OptionError{Kind: "generate", Option: option, Text: fmt.Sprintf(format, args...)}
}

// Schema gives the logical types: a dictionary of strings is a string.
func (s *source) Schema(context.Context) (*arrow.Schema, error) {
	said := s.gen.Schema().Metadata()
	fields := s.gen.Schema().Fields() // a copy
	for i, f := range fields {
		if d, ok := f.Type.(*arrow.DictionaryType); ok {
			fields[i].Type = d.ValueType
		}
	}
	return arrow.NewSchema(fields, &said), nil
}

func (s *source) Close() error {
	s.gen.Close()
	return nil
}

// Cut takes splits from the partitions of a meter in turn, from those of a fleet up to
// one moment. The offset is the number of rows cut from each partition, as a JSON list.
// With a rate it waits, a tenth of a second at the most, for rows to be due, and may
// return none.
func (s *source) Cut(ctx context.Context, from rdd.Offset, wish rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	done := make([]int64, len(s.rows))
	if from != "" {
		if err := json.Unmarshal([]byte(from), &done); err != nil || len(done) != len(s.rows) {
			return nil, from, fault.New(fault.Invalid, "generate: %q is not an offset of %d partitions", from, len(s.rows))
		}
	}
	due, err := s.pace.wait(ctx, sum(done))
	if err != nil {
		return nil, from, err
	}
	most := due
	if wish.Rows > 0 {
		most = min(most, wish.Rows)
	}
	splits := s.take(done, most)
	next, err := json.Marshal(done)
	if err != nil {
		return nil, from, fault.Wrap(fault.Bug, err)
	}
	if s.choose(done) < 0 {
		return splits, rdd.Offset(next), io.EOF
	}
	return splits, rdd.Offset(next), nil
}

// take cuts splits of so many rows at the most and moves done past them.
func (s *source) take(done []int64, most int64) []rdd.Split {
	var splits []rdd.Split
	cut := func(p int, most int64) int64 {
		split := s.split(p, done[p], most)
		done[p] += split.Rows
		splits = append(splits, split)
		return split.Rows
	}
	if f, ok := s.gen.(*fleet); ok && most > 0 {
		for p, end := range f.upTo(done, most) {
			for done[p] < end {
				cut(p, end-done[p])
			}
		}
		return splits
	}
	for most > 0 {
		p := s.choose(done)
		if p < 0 {
			break
		}
		most -= cut(p, most)
	}
	return splits
}

func sum(list []int64) (n int64) {
	for _, v := range list {
		n += v
	}
	return n
}

// choose returns the partition that is furthest behind, or -1 at the end.
func (s *source) choose(done []int64) int {
	p := -1
	for i, n := range done {
		if n < s.rows[i] && (p < 0 || n < done[p]) {
			p = i
		}
	}
	return p
}

func (s *source) split(p int, first, most int64) rdd.Split {
	n := min(splitRows, s.rows[p]-first, most)
	return rdd.Split{
		Partition: int32(p), Name: s.gen.Name(int32(p)), First: first, Rows: n, Bytes: -1,
		Times: s.gen.Times(int32(p), first, n), Last: first+n == s.rows[p],
	}
}

func (s *source) Read(ctx context.Context, split rdd.Split, want rdd.Projection) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		cols, schema, err := s.project(split, want)
		if err != nil {
			yield(nil, err)
			return
		}
		end := split.First + split.Rows
		for at := split.First; at < end; {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			n := int(min(int64(max(want.Rows, 1)), end-at))
			origin := rdd.Origin{Source: split.Source, Partition: split.Partition, First: at}
			if !s.lend(want.Mem, schema, cols, origin, n, yield) {
				return
			}
			at += int64(n)
		}
	}
}

func (s *source) lend(mem memory.Allocator, schema *arrow.Schema, cols []int, o rdd.Origin, n int, yield func(*rdd.Frame, error) bool) bool {
	arrays := make([]arrow.Array, len(cols))
	for i, c := range cols {
		arrays[i] = s.gen.Draw(mem, c, o.Partition, o.First, n)
		defer arrays[i].Release()
	}
	batch := array.NewRecordBatch(schema, arrays, int64(n))
	defer batch.Release()
	return yield(&rdd.Frame{Header: rdd.Header{Origin: o}, Batch: batch}, nil)
}

// project finds the wanted columns and checks that the split is one of ours.
func (s *source) project(split rdd.Split, want rdd.Projection) ([]int, *arrow.Schema, error) {
	p := int(split.Partition)
	if p < 0 || p >= len(s.rows) || split.First < 0 || split.Rows < 0 || split.First+split.Rows > s.rows[p] {
		return nil, nil, fault.New(fault.Invalid, "generate: there is no split %s of %d rows from %d", split.Name, split.Rows, split.First)
	}
	all := s.gen.Schema()
	cols, fields := make([]int, len(want.Columns)), make([]arrow.Field, len(want.Columns))
	for i, name := range want.Columns {
		at := all.FieldIndices(name)
		if len(at) != 1 {
			return nil, nil, fault.New(fault.Invalid, "generate: %s events have no column %q", s.name, name)
		}
		cols[i], fields[i] = at[0], all.Field(at[0])
	}
	return cols, arrow.NewSchema(fields, nil), nil
}

// pace limits how fast rows fall due, counted from the first Cut. The clock
// decides when rows come, never what they are.
type pace struct {
	rate float64 // rows a second; 0: no limit

	mu     sync.Mutex
	began  time.Time
	before int64 // rows that an earlier run had cut
}

// wait returns how many rows are due after the done ones. If there are none it
// waits for some, but not long.
func (p *pace) wait(ctx context.Context, done int64) (int64, error) {
	if p.rate == 0 {
		return 1<<63 - 1, nil
	}
	p.mu.Lock()
	if p.began.IsZero() {
		p.began, p.before = time.Now(), done
	}
	began, before := p.began, p.before
	p.mu.Unlock()
	due := func() int64 { return before + int64(p.rate*time.Since(began).Seconds()) - done }
	if n := due(); n > 0 {
		return n, nil
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return max(due(), 0), nil
	}
}
