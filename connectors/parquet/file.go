package parquet

import (
	"container/list"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/zeebo/xxh3"
)

// file is an open file and its footer.
type file struct {
	path    string
	f       *files.Handle
	size    int64
	sum     uint64 // xxh3 of the footer: two files with one sum hold the same rows
	meta    *footer
	columns []leaf
	users   int
	place   *list.Element // among the idle ones
}

// ReadAt reads from the file.
func (f *file) ReadAt(b []byte, off int64) (int, error) { return f.f.ReadAt(b, off) }

// column returns the column of that name, or nil.
func (f *file) column(name string) *leaf {
	for i := range f.columns {
		if f.columns[i].name == name {
			return &f.columns[i]
		}
	}
	return nil
}

// handles opens files and keeps some of them open, with their footers, after
// their last user has gone. It is safe for concurrent use.
type handles struct {
	places         *files.Places
	binaryAsString bool
	keep           int // idle files at the most

	mu   sync.Mutex
	open map[string]*file
	idle *list.List // of *file, the longest idle first
}

func newHandles(keep int, binaryAsString bool) *handles {
	return &handles{places: new(files.Places), binaryAsString: binaryAsString, keep: keep, open: map[string]*file{}, idle: list.New()}
}

// acquire returns the file at path; each needs a release. As the file may be kept
// for others its reads do not end with ctx.
func (c *handles) acquire(ctx context.Context, path string) (*file, error) {
	if f := c.take(path); f != nil {
		return f, nil
	}
	f, err := openFile(context.WithoutCancel(ctx), c.places, path, c.binaryAsString)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		return nil, errors.Join(errClosed, f.f.Close())
	}
	if other := c.open[path]; other != nil { // opened meanwhile
		c.use(other)
		return other, f.f.Close()
	}
	f.users = 1
	c.open[path] = f
	return f, nil
}

var errClosed = errors.New("parquet: the source is closed")

func (c *handles) take(path string) *file {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.open[path]
	if f != nil {
		c.use(f)
	}
	return f
}

func (c *handles) use(f *file) {
	if f.place != nil {
		c.idle.Remove(f.place)
		f.place = nil
	}
	f.users++
}

func (c *handles) release(f *file) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.users--
	if f.users > 0 {
		return
	}
	if c.open == nil {
		_ = f.f.Close() // nothing was written
		return
	}
	f.f.Rest()
	f.place = c.idle.PushBack(f)
	for c.idle.Len() > c.keep {
		old := c.idle.Remove(c.idle.Front()).(*file)
		old.place = nil
		delete(c.open, old.path)
		_ = old.f.Close()
	}
}

// close closes what nobody uses; the rest is closed by its last user.
func (c *handles) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	for _, f := range c.open {
		if f.users == 0 {
			err = errors.Join(err, f.f.Close())
		}
	}
	c.open = nil
	c.idle.Init()
	return errors.Join(err, c.places.Close())
}

const tailSize = 64 << 10 // bytes read from the end of a file to find its footer

// openFile opens a file and reads its footer.
func openFile(ctx context.Context, places *files.Places, path string, binaryAsString bool) (*file, error) {
	h, err := places.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, f: h}
	if err := f.load(binaryAsString); err != nil {
		_ = h.Close()
		if fault.Of(err) != fault.Bug {
			return nil, err
		}
		return nil, fault.New(fault.Invalid, "%s: not a Parquet file: %w", path, err)
	}
	return f, nil
}

func (f *file) load(binaryAsString bool) error {
	f.size = f.f.Size
	if f.size < 12 {
		return errors.New("it is too short")
	}
	b, err := f.footerBytes()
	if err != nil {
		return err
	}
	f.sum = xxh3.Hash(b)
	if f.meta, err = parseFooter(b); err != nil {
		return err
	}
	if err := f.meta.check(f.size - 8 - int64(len(b))); err != nil {
		return err
	}
	if f.columns, err = f.meta.leaves(binaryAsString); err != nil {
		return err
	}
	f.meta.bound, f.meta.unbound = f.meta.bind()
	return nil
}

// footerBytes returns the Thrift bytes of the footer.
func (f *file) footerBytes() ([]byte, error) {
	tail := make([]byte, min(f.size, tailSize))
	if _, err := f.f.ReadAt(tail, f.size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, readFault(f.path, err)
	}
	end := tail[len(tail)-8:]
	switch string(end[4:]) {
	case "PAR1":
	case "PARE":
		return nil, errors.New("it is encrypted")
	default:
		return nil, errors.New("it does not end in PAR1 (it is something else, or truncated)")
	}
	size := int64(binary.LittleEndian.Uint32(end))
	if size > f.size-12 {
		return nil, errors.New("its footer is longer than the file")
	}
	if size <= int64(len(tail)-8) {
		return tail[int64(len(tail))-8-size : len(tail)-8], nil
	}
	b := make([]byte, size)
	if _, err := f.f.ReadAt(b, f.size-8-size); err != nil {
		return nil, readFault(f.path, err)
	}
	return b, nil
}

// readFault says what kind of fault it is not to be able to read, unless err does.
func readFault(path string, err error) error {
	if fault.Of(err) != fault.Bug {
		return err
	}
	return files.WrapOpen(path, err)
}
