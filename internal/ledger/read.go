package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/fault"
)

// line is one entry as it was read.
type line struct {
	line  int // in its file, from 1
	seq   int64
	entry driver.Entry
}

// files returns the numbers of a log's files in order: the first ones may have been
// trimmed. A gap is a fault.Invalid.
func files(dir string) ([]int, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fault.New(fault.Invalid, "ledger: %w", err)
	}
	var nums []int
	for _, f := range list {
		name, ok := strings.CutSuffix(f.Name(), ".jsonl")
		if n, err := strconv.Atoi(name); ok && err == nil && n > 0 {
			nums = append(nums, n)
		}
	}
	slices.Sort(nums)
	for i, n := range nums {
		if want := nums[0] + i; n != want {
			return nil, fault.New(fault.Invalid, "ledger: %s has no file %06d.jsonl, but a later one", dir, want)
		}
	}
	return nums, nil
}

// read yields the lines of a file in which every line is whole.
func read(path string) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(line{}, fault.New(fault.Invalid, "ledger: %w", err))
			return
		}
		defer f.Close() //nolint:errcheck // it was only read
		in := bufio.NewReaderSize(f, 1<<16)
		for n := 1; ; n++ {
			text, err := in.ReadBytes('\n')
			if errors.Is(err, io.EOF) && len(text) == 0 {
				return
			}
			r := line{line: n}
			switch {
			case err == nil:
				r.seq, r.entry, err = parseLine(text[:len(text)-1])
			case errors.Is(err, io.EOF):
				err = errors.New("the line has no end")
			}
			if err != nil {
				yield(line{}, fault.New(fault.Invalid, "%s:%d: %w", path, n, err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// check reads the last file of a log. It returns the length of its whole lines,
// their number and the sequence of the last one. What follows them must be a
// torn append, else it is a fault.Invalid.
//
// A torn append is what a crash leaves of the last write: a line without an
// end, or pages that were never written and read as zeros, with no whole line
// behind it. A line that is complete but wrong is damage.
func check(path string, data []byte) (good int64, lines int, seq int64, err error) {
	rest := data
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			return good, lines, seq, nil // no end: torn
		}
		n, _, err := parseLine(rest[:end])
		if err != nil {
			if errors.Is(err, errSum) && torn(rest) {
				return good, lines, seq, nil
			}
			return good, lines, seq, fault.New(fault.Invalid, "%s:%d: %w", path, lines+1, err)
		}
		rest = rest[end+1:]
		good += int64(end) + 1
		lines++
		seq = n
	}
	return good, lines, seq, nil
}

// torn reports whether a tail that begins with a bad line can be what a crash
// left of one append: it has zeros in it and no whole line behind them.
func torn(tail []byte) bool {
	if bytes.IndexByte(tail, 0) < 0 {
		return false
	}
	for l := range bytes.Lines(tail) {
		if _, _, err := parseLine(bytes.TrimSuffix(l, []byte("\n"))); err == nil {
			return false
		}
	}
	return true
}
