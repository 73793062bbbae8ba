package csv

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

const (
	blockBytes = 256 << 10
	maxRow     = 16 << 20 // a longer row is none
	slack      = 16       // behind the data: what tokens.index may look at, and a line end
)

// blocks reads a file piece by piece.
type blocks struct {
	r    io.Reader
	buf  []byte
	from int   // what is not used yet begins
	to   int   // and ends
	at   int64 // offset in the file of buf[0]
	done error // of r; io.EOF at its end
}

// newBlocks takes its first buffer from a pool.
func newBlocks(r io.Reader, at int64, pool *sync.Pool) *blocks {
	b := &blocks{r: r, at: at}
	if buf, ok := pool.Get().(*[]byte); ok {
		b.buf = *buf
	} else {
		b.buf = make([]byte, blockBytes+slack)
	}
	return b
}

// rest is what has been read and not used, with slack behind it.
func (b *blocks) rest() []byte { return b.buf[b.from:b.to] }

// offset of the first byte of rest in the file.
func (b *blocks) offset() int64 { return b.at + int64(b.from) }

// ended reports whether rest is the end of the file.
func (b *blocks) ended() bool { return b.done != nil }

// fill reads on behind rest until the buffer is full, which it first makes
// larger if rest fills it already.
func (b *blocks) fill() {
	n := copy(b.buf, b.rest())
	b.at += int64(b.from)
	b.from, b.to = 0, n
	if n > (len(b.buf)-slack)/2 {
		b.buf = append(make([]byte, 0, 2*len(b.buf)), b.buf...)
		b.buf = b.buf[:cap(b.buf)]
	}
	for end := len(b.buf) - slack; b.to < end && b.done == nil; {
		n, err := b.r.Read(b.buf[b.to:end])
		b.to += n
		b.done = err
	}
	if !b.ended() {
		return
	}
	if !errors.Is(b.done, io.EOF) { // a line that an error cuts off is no row
		b.to = b.from + bytes.LastIndexByte(b.rest(), '\n') + 1
	}
	if b.to > b.from && b.buf[b.to-1] != '\n' {
		b.buf[b.to] = '\n'
		b.to++
	}
}

// skipLine passes over what is left of a line. It returns how far it came.
func (b *blocks) skipLine() {
	for {
		if n := bytes.IndexByte(b.rest(), '\n'); n >= 0 {
			b.from += n + 1
			return
		}
		b.from = b.to
		if b.ended() {
			return
		}
		b.fill()
	}
}
