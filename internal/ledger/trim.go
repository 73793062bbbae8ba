package ledger

import (
	"bytes"
	"context"
	"errors"
	"os"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// top is what has to be known of a file to tell whether it may go.
type top struct {
	batch rdd.BatchID // the last one that it says anything about
	saved rdd.BatchID // of its last checkpoint
	ended bool        // a run ends in it, and with it the file
}

// Trim implements driver.Ledger: it removes files, the oldest first, of which
// everything may be forgotten. The last file stays.
func (l *Log) Trim(ctx context.Context, below rdd.BatchID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	nums, err := files(l.dir)
	if err != nil || len(nums) < 2 {
		return err
	}
	nums = nums[:len(nums)-1]
	gone := 0
	for i, num := range nums {
		t, err := l.topOf(ctx, num)
		if err != nil {
			return err
		}
		if t.ended || gone == i && t.batch <= below && t.saved < below {
			gone = i + 1
		}
	}
	for _, num := range nums[:gone] {
		if err := os.Remove(l.path(num)); err != nil {
			return fault.New(classify(err), "ledger: %w", err)
		}
		delete(l.tops, num)
	}
	if gone == 0 {
		return nil
	}
	return fault.Wrap(fault.Invalid, syncDir(l.dir))
}

// topOf reads a file that is not appended to any more, once.
func (l *Log) topOf(ctx context.Context, num int) (top, error) {
	if t, ok := l.tops[num]; ok {
		return t, nil
	}
	if err := ctx.Err(); err != nil {
		return top{}, err
	}
	if data, err := os.ReadFile(l.path(num)); err == nil && endsRun(data) {
		return top{ended: true}, nil // it will be removed, whatever else it says
	}
	var t top
	for r, err := range read(l.path(num)) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return t, err
		}
		switch e := r.entry.(type) {
		case driver.Started:
		case driver.Planned:
			t.batch = max(t.batch, e.Batch)
		case driver.Committed:
			t.batch = max(t.batch, e.Batch)
		case driver.Checkpointed:
			t.saved = max(t.saved, e.Batch)
		case driver.Ended:
			t.ended = true
		}
	}
	if l.tops == nil {
		l.tops = map[int]top{}
	}
	l.tops[num] = t
	return t, nil
}

// endsRun reports whether the last of some whole lines says that a run ended.
func endsRun(lines []byte) bool {
	lines = bytes.TrimSuffix(lines, []byte("\n"))
	last := lines[bytes.LastIndexByte(lines, '\n')+1:]
	_, e, err := parseLine(last)
	_, ended := e.(driver.Ended)
	return err == nil && ended
}
