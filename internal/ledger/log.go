package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/fault"
)

// DefaultFileBytes is the size at which a log begins a new file.
const DefaultFileBytes = 64 << 20

// Options say how a log is kept. The zero value is the default.
type Options struct {
	FileBytes int64 // at which a new file is begun; 0 means DefaultFileBytes
}

// Log is a ledger in a directory. It is safe for concurrent use.
type Log struct {
	dir     string
	options Options
	note    string

	mu   sync.Mutex
	lock io.Closer
	file file  // the last file, open for appending; nil before the first append
	num  int   // its number
	size int64 // its good bytes
	seq  int64 // of the last entry
	over bool  // it says that a run ended: the next one has a file of its own
	tops map[int]top
	err  error // why nothing can be appended any more
}

// file is what a log needs of an open file.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

var _ driver.Ledger = (*Log)(nil)

// Open opens the log in dir, which is made if it is not there, and locks it. A
// torn tail is cut off: see [Log.Note]. A log that another process has open, or
// whose last file is damaged, is a fault.Invalid.
func Open(dir string, o Options) (*Log, error) {
	if o.FileBytes <= 0 {
		o.FileBytes = DefaultFileBytes
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fault.New(fault.Invalid, "ledger: %w", err)
	}
	lock, err := acquire(filepath.Join(dir, "LOCK"))
	if err != nil {
		return nil, err
	}
	l := &Log{dir: dir, options: o, lock: lock}
	if err := l.recover(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return l, nil
}

// Note says what Open repaired, or is "".
func (l *Log) Note() string { return l.note }

// Close unlocks the log. It may be called again.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lock == nil {
		return nil
	}
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	err = errors.Join(err, l.lock.Close())
	l.file, l.lock, l.err = nil, nil, fault.New(fault.Bug, "ledger: %s is closed", l.dir)
	return err
}

// recover finds the end of the log and cuts off a torn tail.
func (l *Log) recover() error {
	nums, err := files(l.dir)
	if err != nil || len(nums) == 0 {
		return err
	}
	l.num = nums[len(nums)-1]
	path := l.path(l.num)
	data, err := os.ReadFile(path)
	if err != nil {
		return fault.New(fault.Invalid, "ledger: %w", err)
	}
	good, lines, seq, err := check(path, data)
	if err != nil {
		return err
	}
	l.over = endsRun(data[:good])
	if l.seq = seq; lines == 0 && len(nums) > 1 {
		// The file was begun and nothing in it is whole: go on behind the one before.
		if l.seq, err = l.lastSeq(nums[len(nums)-2]); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fault.New(fault.Invalid, "ledger: %w", err)
	}
	l.file, l.size = f, good
	if int(good) == len(data) {
		return nil
	}
	l.note = fmt.Sprintf("%s: cut off %d bytes of an append that was not finished, behind line %d", path, len(data)-int(good), lines)
	if err := errors.Join(f.Truncate(good), f.Sync()); err != nil {
		return errors.Join(fault.New(fault.Invalid, "ledger: %w", err), f.Close())
	}
	return nil
}

// lastSeq returns the sequence of the last entry of a file that must be whole.
func (l *Log) lastSeq(num int) (int64, error) {
	var seq int64
	for r, err := range read(l.path(num)) {
		if err != nil {
			return 0, err
		}
		seq = r.seq
	}
	return seq, nil
}

// Append implements driver.Ledger: one write and one fsync, whatever the number
// of entries. A full disk is a fault.Retry, and the log is as it was before;
// an fsync that fails is a fault.Invalid, and so is every append after it,
// because nobody knows what the disk has kept.
func (l *Log) Append(ctx context.Context, entries ...driver.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.err != nil {
		return l.err
	}
	if len(entries) == 0 {
		return nil
	}
	var buf []byte
	var err error
	for i, e := range entries {
		if buf, err = appendLine(buf, l.seq+int64(i)+1, e); err != nil {
			return err
		}
	}
	if err := l.rotate(); err != nil {
		return err
	}
	if err := l.write(buf); err != nil {
		return err
	}
	l.seq += int64(len(entries))
	_, l.over = entries[len(entries)-1].(driver.Ended)
	return nil
}

// write makes buf the durable end of the last file, or leaves the file as it was.
func (l *Log) write(buf []byte) error {
	if _, err := l.file.Write(buf); err != nil {
		err = fault.New(classify(err), "ledger: %w", err)
		if cut := l.file.Truncate(l.size); cut != nil {
			l.err = fault.New(fault.Invalid, "ledger: an append failed and cannot be taken back: %w", errors.Join(err, cut))
			return l.err
		}
		return err
	}
	if err := l.file.Sync(); err != nil {
		l.err = fault.New(fault.Invalid, "ledger: what was written may not be durable: %w", err)
		return l.err
	}
	l.size += int64(len(buf))
	return nil
}

// classify says whether trying a write again may help.
func classify(err error) fault.Kind {
	for _, again := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EINTR, syscall.EAGAIN} {
		if errors.Is(err, again) {
			return fault.Retry
		}
	}
	return fault.Invalid
}

// rotate begins a new file where there is none or the last one has its size.
func (l *Log) rotate() error {
	if l.file != nil && l.size < l.options.FileBytes && !l.over {
		return nil
	}
	path := l.path(l.num + 1)
	// A file left by an attempt that failed behind this point is empty.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fault.New(classify(err), "ledger: %w", err)
	}
	if err := syncDir(l.dir); err != nil {
		return errors.Join(fault.New(fault.Invalid, "ledger: %w", err), f.Close())
	}
	if l.file != nil {
		if err := l.file.Close(); err != nil {
			return errors.Join(fault.New(fault.Invalid, "ledger: %w", err), f.Close())
		}
	}
	l.file, l.num, l.size = f, l.num+1, 0
	return nil
}

func (l *Log) path(num int) string { return filepath.Join(l.dir, fmt.Sprintf("%06d.jsonl", num)) }

// Replay implements driver.Ledger. It yields what was there when it began.
func (l *Log) Replay(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		l.mu.Lock()
		end := l.seq
		l.mu.Unlock()
		nums, err := files(l.dir)
		if err != nil {
			yield(nil, err)
			return
		}
		var seq int64
		for _, num := range nums {
			for r, err := range read(l.path(num)) {
				switch {
				case seq == end:
					return
				case err == nil && seq == 0 && num > 1:
					// What was before has been trimmed.
				case err == nil && r.seq != seq+1:
					err = fault.New(fault.Invalid, "%s:%d: entry %d follows entry %d: something is missing", l.path(num), r.line, r.seq, seq)
				case err == nil:
					err = ctx.Err()
				}
				if err != nil {
					yield(nil, err)
					return
				}
				if seq = r.seq; !yield(r.entry, nil) {
					return
				}
			}
		}
		if seq < end {
			yield(nil, fault.New(fault.Invalid, "ledger: %s ends at entry %d of %d", l.dir, seq, end))
		}
	}
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
