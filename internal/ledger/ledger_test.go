package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/eventtime"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// entries of every kind, with every field set, and text that JSON escapes.
func entries() []driver.Entry {
	return []driver.Entry{
		driver.Started{Job: "me<t>er & \"co\"\n", Plan: "d1", Mode: planner.IDAG, Epoch: 3, At: 99,
			Settings: rdd.Settings{BatchRows: 10, Lateness: time.Minute}, Schemas: [][][2]string{{{"ts", "timestamp[us, tz=UTC]"}}}},
		driver.Planned{Batch: 1, Offsets: []rdd.Offset{`{"file":3}`, ""}, Ended: []bool{true, false},
			Idle: []eventtime.Part{{Source: 1, Partition: 2}},
			Splits: []rdd.Split{{Source: 1, Partition: 2, Name: "a.parquet", First: 7, Rows: -1, Bytes: 9, Last: true,
				Times: rdd.TimeRange{Known: true, Min: -5, Max: 5}, Payload: json.RawMessage(`{"group":1}`)}},
			Marks: work.Marks{Closed: work.NoTime, Watermark: -3, Final: true, Now: 1 << 60}},
		driver.Committed{Batch: 1, Wall: time.Second, Tally: work.Tally{RowsIn: 5, Checksum: [2]uint64{1 << 63, ^uint64(0)}}},
		driver.Checkpointed{Planned: driver.Planned{Batch: 1, Offsets: []rdd.Offset{"x"}, Ended: []bool{true}, Marks: work.Marks{Now: 4}},
			Clock: clock(), Seen: []driver.Observation{{Batch: 1, Read: []eventtime.Part{{Source: 1}}, Times: []work.PartTime{{Source: 1, Max: 9}}}},
			Parts:  []work.State{{Epoch: 3, Batch: 1, Stage: 2, Index: 1, File: "f", Bytes: 7, Sum: "00ff", Rows: 2}},
			Beside: 1, Rows: 8, Tally: work.Tally{RowsOut: 3}, Run: driver.Started{Job: "j", Run: 3, Parts: 2, Ops: []string{"map#3: x"}, Arrow: [][]byte{{1}}}},
		driver.Ended{Batches: 1, At: 8},
	}
}

// clock knows something of each kind.
func clock() *eventtime.Tracker {
	var t eventtime.Tracker
	t.Cut([]rdd.Split{{Source: 1, Times: rdd.TimeRange{Known: true, Min: -5}}, {Partition: 2}, {Source: 3, Last: true}})
	t.Seen(eventtime.Part{Source: 3}, 7)
	t.Read([]eventtime.Part{{Partition: 2}})
	t.Idle([]eventtime.Part{{Partition: 2}})
	t.End(4)
	t.Advance()
	text, err := json.Marshal(&t)
	var out eventtime.Tracker // equal to what comes out of a log, down to its empty slices
	if err := errors.Join(err, json.Unmarshal(text, &out)); err != nil {
		panic(err)
	}
	return &out
}

func open(t *testing.T, dir string, o Options) *Log {
	t.Helper()
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// filled makes a log with n appends of one entry each and closes it.
func filled(t *testing.T, n int, o Options) string {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir, o)
	for i := range n {
		if err := l.Append(t.Context(), driver.Committed{Batch: rdd.BatchID(i + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func replay(ctx context.Context, l driver.Ledger) ([]driver.Entry, error) {
	var out []driver.Entry
	for e, err := range l.Replay(ctx) {
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
	return out, nil
}

func first(dir string) string { return filepath.Join(dir, "000001.jsonl") }

// What is appended comes back, from either ledger, and from a log that was
// closed in between.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	for name, open := range map[string]func() driver.Ledger{
		"memory": func() driver.Ledger { return &Memory{} },
		"log":    func() driver.Ledger { return open(t, dir, Options{}) },
	} {
		t.Run(name, func(t *testing.T) {
			l, want := open(), entries()
			if got, err := replay(t.Context(), l); err != nil || len(got) > 0 {
				t.Fatal(got, err)
			}
			if err := errors.Join(l.Append(t.Context(), want[:2]...), l.Append(t.Context()), l.Append(t.Context(), want[2:]...)); err != nil {
				t.Fatal(err)
			}
			got, err := replay(t.Context(), l)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%v\n%+v\n%+v", err, got, want)
			}
			for _, err := range l.Replay(t.Context()) { // a reader may leave early
				if err != nil {
					t.Fatal(err)
				}
				break
			}
		})
	}
	if l, err := Open(dir, Options{}); err == nil {
		t.Fatal("a log that is open was opened again", l)
	}
}

func TestReopen(t *testing.T) {
	dir := filled(t, 3, Options{})
	l := open(t, dir, Options{})
	if err := l.Append(t.Context(), driver.Committed{Batch: 4}); err != nil || l.Note() != "" {
		t.Fatal(err, l.Note())
	}
	if got, err := replay(t.Context(), l); err != nil || len(got) != 4 || got[3].(driver.Committed).Batch != 4 {
		t.Fatal(got, err)
	}
}

// Every line is a JSON object that any tool can read.
func TestLinesAreJSON(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	if err := l.Append(t.Context(), entries()...); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(first(dir))
	if err != nil {
		t.Fatal(err)
	}
	kinds := ""
	for line := range bytes.Lines(data) {
		var r struct{ Sum, Kind string }
		if err := json.Unmarshal(line, &r); err != nil || len(r.Sum) != 16 {
			t.Fatalf("%s: %v", line, err)
		}
		kinds += r.Kind + " "
	}
	if kinds != "started planned committed checkpointed ended " {
		t.Fatal(kinds)
	}
	if !bytes.Contains(data, []byte(`me<t>er & `)) {
		t.Fatalf("escaped beyond need: %s", data)
	}
}

func TestRotation(t *testing.T) {
	dir := filled(t, 20, Options{FileBytes: 500})
	nums, err := files(dir)
	if err != nil || len(nums) < 3 {
		t.Fatal(nums, err)
	}
	l := open(t, dir, Options{FileBytes: 500})
	if got, err := replay(t.Context(), l); err != nil || len(got) != 20 {
		t.Fatal(len(got), err)
	}
	// A crash right after a new file was begun leaves it empty.
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.jsonl", len(nums)+1)), []byte(`{"sum`), 0o644); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, Options{FileBytes: 500})
	if err := l.Append(t.Context(), driver.Committed{Batch: 21}); err != nil {
		t.Fatal(err)
	}
	if got, err := replay(t.Context(), l); err != nil || len(got) != 21 || l.Note() == "" {
		t.Fatal(len(got), err, l.Note())
	}
}

// Wherever a crash cuts the last append, its entries up to there are kept or
// gone, those before stay, and the log goes on.
func TestTornTail(t *testing.T) {
	dir := filled(t, 3, Options{})
	whole, err := os.ReadFile(first(dir))
	if err != nil {
		t.Fatal(err)
	}
	kept := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := kept + 1; cut < len(whole); cut += 11 {
		for name, tail := range map[string][]byte{
			"short": nil, "zeros": make([]byte, len(whole)-cut), "page of zeros": append(make([]byte, 100), '\n'),
		} {
			if err := os.WriteFile(first(dir), slices.Concat(whole[:cut], tail), 0o644); err != nil {
				t.Fatal(err)
			}
			l, err := Open(dir, Options{})
			if err != nil {
				t.Fatalf("%s at %d: %v", name, cut, err)
			}
			got, err := replay(t.Context(), l)
			if err != nil || len(got) != 2 || !strings.Contains(l.Note(), "behind line 2") {
				t.Fatalf("%s at %d: %v %v %q", name, cut, got, err, l.Note())
			}
			if err := errors.Join(l.Append(t.Context(), driver.Committed{Batch: 3}), l.Close()); err != nil {
				t.Fatal(err)
			}
			if now, err := os.ReadFile(first(dir)); err != nil || !bytes.Equal(now, whole) {
				t.Fatalf("%s at %d: the log is not what it was: %v", name, cut, err)
			}
		}
	}
}

// A byte that changed anywhere is found, and named by file and line, when the
// log is opened or when it is read. Nothing is cut off.
func TestFlippedByte(t *testing.T) {
	dir := filled(t, 9, Options{FileBytes: 400})
	nums, err := files(dir)
	if err != nil || len(nums) < 2 {
		t.Fatal(nums, err)
	}
	for _, num := range nums {
		path := filepath.Join(dir, fmt.Sprintf("%06d.jsonl", num))
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(whole); at += 13 {
			bad := slices.Clone(whole)
			bad[at] ^= 0x04
			if num == nums[len(nums)-1] && (at == len(whole)-1) {
				continue // without its last byte the last line looks torn
			}
			if err := os.WriteFile(path, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			l, err := Open(dir, Options{FileBytes: 400})
			if err == nil {
				_, err = replay(t.Context(), l)
				err = errors.Join(err, l.Close())
			}
			want := fmt.Sprintf("%s:%d:", path, bytes.Count(whole[:at], []byte("\n"))+1)
			if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
				t.Fatalf("byte %d of %s: %v, not %s", at, path, err, want)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, bad) {
				t.Fatal("the damaged file was changed")
			}
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What is missing in the middle is found by the numbers of the lines.
func TestMissingLine(t *testing.T) {
	dir := filled(t, 5, Options{})
	whole, err := os.ReadFile(first(dir))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	if err := os.WriteFile(first(dir), slices.Concat(lines[0], lines[2], lines[3]), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = replay(t.Context(), open(t, dir, Options{}))
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "000001.jsonl:2: entry 3 follows entry 1") {
		t.Fatal(err)
	}
}

func TestMissingFile(t *testing.T) {
	dir := filled(t, 20, Options{FileBytes: 500})
	if err := os.Remove(filepath.Join(dir, "000002.jsonl")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "000002.jsonl") {
		t.Fatal(err)
	}
}

// Two drivers do not share a log; the lock goes when the first closes it.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	_, err := Open(dir, Options{})
	if want := fmt.Sprintf("is being run already, by process %d", os.Getpid()); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
		t.Fatal(err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), driver.Committed{}); fault.Of(err) != fault.Bug {
		t.Fatal(err)
	}
	open(t, dir, Options{})
}

func TestOpenErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); fault.Of(err) != fault.Invalid {
		t.Fatal(err)
	}
}

// errFile is a file whose disk fails.
type errFile struct {
	file
	write, sync, truncate error
	short                 int // bytes that are written before write
}

func (f *errFile) Write(p []byte) (int, error) {
	if f.write != nil {
		n, _ := f.file.Write(p[:min(f.short, len(p))])
		return n, f.write
	}
	return f.file.Write(p)
}

func (f *errFile) Sync() error { return errors.Join(f.sync, f.file.Sync()) }

func (f *errFile) Truncate(n int64) error {
	if f.truncate != nil {
		return f.truncate
	}
	return f.file.Truncate(n)
}

// A full disk can be retried and leaves no half-written line; a disk that
// cannot say what it has kept ends the log.
func TestDiskFails(t *testing.T) {
	for _, c := range []struct {
		name string
		disk errFile
		kind fault.Kind
		last fault.Kind // of the append after it, with a disk that works again
		kept int
	}{
		{"full", errFile{write: syscall.ENOSPC, short: 20}, fault.Retry, fault.Bug, 2},
		{"broken", errFile{write: syscall.EIO, short: 20}, fault.Invalid, fault.Bug, 2},
		{"not taken back", errFile{write: syscall.ENOSPC, short: 20, truncate: syscall.EIO}, fault.Invalid, fault.Invalid, 1},
		{"fsync", errFile{sync: syscall.EIO}, fault.Invalid, fault.Invalid, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := open(t, t.TempDir(), Options{})
			if err := l.Append(t.Context(), driver.Committed{Batch: 1}); err != nil {
				t.Fatal(err)
			}
			sound := l.file
			c.disk.file = sound
			l.file = &c.disk
			if err := l.Append(t.Context(), driver.Committed{Batch: 2}); err == nil || fault.Of(err) != c.kind {
				t.Fatal(err)
			}
			l.file = sound
			err := l.Append(t.Context(), driver.Committed{Batch: 2})
			if (err == nil) != (c.kept == 2) || (err != nil && fault.Of(err) != c.last) {
				t.Fatal(err)
			}
			if got, err := replay(t.Context(), l); err != nil || len(got) != c.kept {
				t.Fatal(got, err)
			}
		})
	}
}

func TestConcurrentUse(t *testing.T) {
	for name, l := range map[string]driver.Ledger{"memory": &Memory{}, "log": open(t, t.TempDir(), Options{FileBytes: 1000})} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					for i := range 10 {
						if err := l.Append(t.Context(), driver.Committed{Batch: rdd.BatchID(i)}); err != nil {
							t.Error(err)
						}
						if _, err := replay(t.Context(), l); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			if got, err := replay(t.Context(), l); err != nil || len(got) != 40 {
				t.Fatal(len(got), err)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, l := range []driver.Ledger{&Memory{}, open(t, filled(t, 1, Options{}), Options{})} {
		if err := l.Append(ctx, driver.Committed{}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if _, err := replay(ctx, open(t, filled(t, 1, Options{}), Options{})); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// An entry that is whole but of a later version stops the reader: it is not
// damage, and not skipped.
func TestUnknownKind(t *testing.T) {
	if _, err := decode(record{Kind: "adapted", Entry: []byte("{}")}); err == nil || errors.Is(err, errSum) {
		t.Fatal(err)
	}
}

// FuzzCheck: whatever is in the last file, checking it ends without a panic,
// with a fault.Invalid or with a prefix of whole lines that can be gone on from.
func FuzzCheck(f *testing.F) {
	var whole []byte
	for i, e := range entries() {
		whole, _ = appendLine(whole, int64(i+1), e)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-9])
	f.Add(append(slices.Clone(whole), make([]byte, 40)...))
	f.Add([]byte("{\"sum\":\"\n\n\x00"))
	f.Add([]byte("{\"sum\":\"0123456789abcdef\",\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		good, lines, seq, err := check("file", data)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Fatal(err)
			}
			return
		}
		next, err := appendLine(data[:good:good], seq+1, driver.Committed{Batch: 77})
		if err != nil {
			t.Fatal(err)
		}
		if all, n, last, err := check("file", next); err != nil || int(all) != len(next) || n != lines+1 || last != seq+1 {
			t.Fatalf("%d of %d bytes, %d lines after %d, %d after %d: %v", all, len(next), n, lines, last, seq, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	l, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // of a benchmark
	pair := entries()[1:]
	for b.Loop() {
		if err := l.Append(b.Context(), pair...); err != nil {
			b.Fatal(err)
		}
	}
}
