package json

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// firstRead is how much a reader asks for at first; it grows to the longest line.
const firstRead = 256 << 10

// excerptBytes is how much is kept of a line that is too long.
const excerptBytes = 4 << 10

// lines cuts what a reader gives into lines.
type lines struct {
	r    io.Reader
	max  int   // bytes of a line, without its end
	at   int64 // offset of buf[0]
	buf  []byte
	from int // where the next line begins in buf
	to   int // where what was read ends
	end  error
}

// line is a line as it was read, lent until the next.
type line struct {
	off  int64
	b    []byte // with a \n at its end; capacity for slack bytes behind it
	long bool   // too long: b is its beginning
}

// raw returns the line's bytes without its end.
func (l *line) raw() []byte {
	b := l.b[:len(l.b)-1]
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	return b
}

// next returns the next line that is not blank. At the end it returns io.EOF,
// or the reader's error.
func (l *lines) next(ctx context.Context) (line, error) {
	for {
		seen := l.from // no \n before it
		for {
			if i := bytes.IndexByte(l.buf[seen:l.to], '\n'); i >= 0 {
				out := line{off: l.at + int64(l.from), b: l.buf[l.from : seen+i+1]}
				l.from = seen + i + 1
				if len(out.b)-1 > l.max {
					return l.excerpt(out.off, out.b), nil
				}
				if blank(out.b) {
					break
				}
				return out, nil
			}
			seen = l.to
			if l.end != nil {
				return l.last()
			}
			if seen-l.from > l.max {
				return l.tooLong(ctx)
			}
			moved := l.from
			if err := l.fill(ctx); err != nil {
				return line{}, err
			}
			if l.from != moved {
				seen -= moved
			}
		}
	}
}

// fill reads more behind what there is, which it may move to the front.
func (l *lines) fill(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.from > 0 {
		copy(l.buf, l.buf[l.from:l.to])
		l.at += int64(l.from)
		l.to -= l.from
		l.from = 0
	}
	if l.to+1+slack >= len(l.buf) {
		grown := make([]byte, max(firstRead, 2*len(l.buf))+slack)
		copy(grown, l.buf[:l.to])
		l.buf = grown
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.to : len(l.buf)-1-slack])
		l.to += n
		if err != nil {
			l.end = err
			return nil
		}
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// last returns what the reader ended with, a line without an end. What an error
// has cut off is no line.
func (l *lines) last() (line, error) {
	if !errors.Is(l.end, io.EOF) || l.from == l.to {
		return line{}, l.end
	}
	l.buf[l.to] = '\n'
	out := line{off: l.at + int64(l.from), b: l.buf[l.from : l.to+1]}
	l.from = l.to
	if len(out.b)-1 > l.max {
		return l.excerpt(out.off, out.b), nil
	}
	if blank(out.b) {
		return line{}, l.end
	}
	return out, nil
}

// tooLong passes over the rest of a line without keeping it.
func (l *lines) tooLong(ctx context.Context) (line, error) {
	out := l.excerpt(l.at+int64(l.from), l.buf[l.from:l.to])
	for {
		l.from = l.to
		if l.end != nil {
			if errors.Is(l.end, io.EOF) {
				return out, nil
			}
			return line{}, l.end
		}
		if err := l.fill(ctx); err != nil {
			return line{}, err
		}
		if i := bytes.IndexByte(l.buf[l.from:l.to], '\n'); i >= 0 {
			l.from += i + 1
			return out, nil
		}
	}
}

func (l *lines) excerpt(off int64, b []byte) line {
	n := min(len(b), excerptBytes)
	out := make([]byte, n+1, n+1+slack)
	copy(out, b[:n])
	out[n] = '\n'
	return line{off: off, b: out, long: true}
}

// blank reports whether a line has nothing but white space.
func blank(b []byte) bool { return b[space(b, 0)] == '\n' }
