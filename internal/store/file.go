package store

import (
	"context"
	"io"
	"sync"
)

// What a File reads at once, and keeps.
const (
	blockBytes = 4 << 20
	blocksKept = 4
)

// File reads an object anywhere, some megabytes at a time, and keeps the last
// blocks that it has read. It is safe for concurrent use.
type File struct {
	Info
	fetch func(b []byte, at int64) error
	stat  func() (Info, error)

	mu     sync.Mutex
	blocks []block // the last used last
}

type block struct {
	at   int64
	data []byte
}

// Open opens an object; ctx is for all that is read of it. It needs no closing.
func (s *Store) Open(ctx context.Context, path string) (*File, error) {
	b, key, err := s.bucket(ctx, path)
	if err != nil {
		return nil, err
	}
	f := &File{}
	f.stat = func() (Info, error) { return s.Stat(ctx, path) }
	if f.Info, err = f.stat(); err != nil {
		return nil, err
	}
	f.fetch = func(p []byte, at int64) error {
		r, err := b.NewRangeReader(ctx, key, at, int64(len(p)), nil)
		if err != nil {
			return wrap(path, err)
		}
		if _, err = io.ReadFull(r, p); err != nil {
			err = wrap(path, err)
		}
		if e := r.Close(); err == nil && e != nil {
			err = wrap(path, e)
		}
		return err
	}
	return f, nil
}

// Now returns what is known of the object now.
func (f *File) Now() (Info, error) { return f.stat() }

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	for n < len(p) {
		if at >= f.Size {
			return n, io.EOF
		}
		b, err := f.block(at - at%blockBytes)
		if err != nil {
			return n, err
		}
		m := copy(p[n:], b.data[at-b.at:])
		n, at = n+m, at+int64(m)
	}
	return n, nil
}

// block returns the block that begins at an offset.
func (f *File) block(at int64) (block, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, b := range f.blocks {
		if b.at == at {
			f.blocks = append(append(f.blocks[:i], f.blocks[i+1:]...), b)
			return b, nil
		}
	}
	b := block{at: at, data: make([]byte, min(blockBytes, f.Size-at))}
	if err := f.fetch(b.data, at); err != nil {
		return b, err
	}
	if len(f.blocks) >= blocksKept {
		f.blocks = append(f.blocks[:0], f.blocks[1:]...)
	}
	f.blocks = append(f.blocks, b)
	return b, nil
}

// Rest lets go of the blocks that are kept.
func (f *File) Rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blocks = nil
}
