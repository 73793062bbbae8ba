package files

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/idag/idag/internal/fault"
)

// packedBuffer is what a decoder reads from its file at once.
const packedBuffer = 256 << 10

// input is an open split.
type input struct {
	Input
	place place
	file  *Handle
	ahead *ahead // of a packed file
}

// open opens the split at p. Headers are asked for the file's first line where
// the format has lines.
func (p place) open(ctx context.Context, l *Places, lines bool, h *headers) (*input, error) {
	f, err := l.Open(ctx, p.Path)
	if err != nil {
		return nil, err
	}
	in := &input{place: p, file: f}
	if err := in.begin(ctx, lines, h); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (in *input) begin(ctx context.Context, lines bool, h *headers) error {
	if err := in.verify(); err != nil {
		return err
	}
	p := in.place
	in.Path = p.Path
	raw := &section{path: p.Path, r: in.file, to: p.Size}
	switch {
	case p.Pack != plain:
		in.ahead = readAhead(&unpacker{path: p.Path, pack: p.Pack, in: bufio.NewReaderSize(raw, packedBuffer)})
		in.R = in.ahead
		return nil
	case !lines:
		in.R = raw
		return nil
	}
	cut := &lineReader{section: *raw, to: p.To}
	if err := cut.seek(ctx, p.From); err != nil {
		return err
	}
	in.R, in.At = cut, cut.pos
	if in.At == 0 || cut.done {
		return nil
	}
	var err error
	in.First, err = h.get(p, in.file)
	return err
}

// verify reports whether the file is still what was planned.
func (in *input) verify() error {
	is, err := in.file.now()
	if err != nil {
		return err
	}
	return in.place.check(in.place.Path, is, in.place.From)
}

// close frees what is open. It waits for the reader ahead.
func (in *input) close() {
	if in.ahead != nil {
		in.ahead.close()
	}
	_ = in.file.Close() // nothing was written
}

// section reads a file up to the size that it had when it was planned. That it
// ends before is an error.
type section struct {
	path    string
	r       io.ReaderAt
	pos, to int64
}

// Read implements io.Reader.
func (s *section) Read(p []byte) (int, error) {
	if s.pos >= s.to {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.to-s.pos)]
	n, err := s.r.ReadAt(p, s.pos)
	s.pos += int64(n)
	switch {
	case n > 0 || err == nil:
		return n, nil // an error comes again
	case errors.Is(err, io.EOF):
		return 0, fault.New(fault.Invalid, "%s: the file ends at byte %d, it had %d when the job planned to read it", s.path, s.pos, s.to)
	}
	if fault.Of(err) != fault.Bug {
		return 0, err
	}
	return 0, WrapOpen(s.path, err)
}

// lineReader reads the lines that begin in a range of a file.
type lineReader struct {
	section       // to the end of the file
	to      int64 // lines begin before it
	done    bool
}

// seek moves to the first line that begins at from or later.
func (l *lineReader) seek(ctx context.Context, from int64) error {
	if from == 0 {
		return nil
	}
	l.pos = from - 1 // if that byte ends a line, the next is the first
	buf := make([]byte, 64<<10)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := l.pos
		n, err := l.section.Read(buf)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			l.pos = at + int64(i) + 1
			break
		}
		if errors.Is(err, io.EOF) || err == nil && l.pos >= l.to {
			break
		}
		if err != nil {
			return err
		}
	}
	l.done = l.pos >= l.to
	return nil
}

// Read implements io.Reader.
func (l *lineReader) Read(p []byte) (int, error) {
	if l.done {
		return 0, io.EOF
	}
	at := l.pos
	n, err := l.section.Read(p)
	if last := l.to - 1; l.pos > last && n > 0 { // the line of this byte is the last
		skip := max(0, last-at)
		if i := bytes.IndexByte(p[skip:n], '\n'); i >= 0 {
			n, l.done = int(skip)+i+1, true
			l.pos = at + int64(n)
		}
	}
	return n, err
}

// headers keeps the first lines of files.
type headers struct {
	mu    sync.Mutex
	first map[header][]byte
}

// header names a file as it was at some time.
type header struct {
	path string
	stamp
}

const (
	maxHeaders = 256     // files whose first line is kept
	maxHeader  = 1 << 20 // bytes of a first line
)

// get returns the first line of a file, without its end, or nil if it is longer
// than maxHeader.
func (h *headers) get(p place, r io.ReaderAt) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := header{p.Path, p.stamp}
	if line, ok := h.first[of]; ok {
		return line, nil
	}
	for size := int64(4 << 10); ; size *= 4 {
		buf := make([]byte, min(size, p.Size))
		if _, err := io.ReadFull(&section{path: p.Path, r: r, to: p.Size}, buf); err != nil {
			return nil, err
		}
		i := bytes.IndexByte(buf, '\n')
		if i < 0 && size < min(p.Size, maxHeader) {
			continue
		}
		if len(h.first) >= maxHeaders {
			clear(h.first)
		}
		var line []byte
		if i >= 0 {
			line = bytes.TrimSuffix(buf[:i:i], []byte{'\r'})
		}
		h.first[of] = line
		return line, nil
	}
}

// unpacker reads a packed file. Errors name the place in the unpacked bytes up
// to which the file is whole.
type unpacker struct {
	path string
	pack packing
	in   io.Reader
	z    io.ReadCloser
	at   int64
}

// Read implements io.Reader.
func (u *unpacker) Read(p []byte) (int, error) {
	if u.z == nil {
		z, err := unpack(u.in, u.pack)
		if err != nil {
			return 0, u.blame(err)
		}
		u.z = z
	}
	n, err := u.z.Read(p)
	u.at += int64(n)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, u.blame(err)
	}
	return n, err
}

// blame says where unpacking failed, and keeps what reading the file found.
func (u *unpacker) blame(err error) error {
	if fault.Of(err) != fault.Bug {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the file is cut off")
	}
	return fault.New(fault.Invalid, "%s: cannot be unpacked (%s) beyond byte %d of its content: %w", u.path, u.pack, u.at, err)
}

// Close frees the decoder.
func (u *unpacker) Close() error {
	if u.z == nil {
		return nil
	}
	return u.z.Close()
}
