package parquet

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/fault"
	"github.com/zeebo/xxh3"
)

// maxHeld is how many bytes of a row group are kept from being checked to being
// decoded; more are read twice.
const maxHeld = 32 << 20

// enter asks for the columns to read of a group that has a done-list, and checks the
// bytes of all of them before it believes the list: what is read of a group is one or
// the other as a whole, and the same each time. It also sets the bounds that frames bear.
func (r *reader) enter() error {
	if len(r.want.Bounds) > 0 {
		all := r.allBounds()
		r.bounds = make(expr.Bounds, len(r.want.Bounds))
		for _, name := range r.want.Bounds {
			if known, ok := all[name]; ok {
				r.bounds[name] = known
			}
		}
	}
	r.unbound = r.file.meta.unbound
	h := r.file.meta.bound
	if h == nil || r.want.Enter == nil || len(h.groups[r.at.Group].done) == 0 {
		return nil
	}
	g := &h.groups[r.at.Group]
	asked := r.header(0, 0)
	asked.Done, asked.Columns = slices.Concat(g.done, r.hidden()), r.present()
	columns := r.want.Enter(&asked)
	if columns == nil {
		return nil
	}
	if err := r.hold(columns, g.sums); err != nil {
		r.drop()
		if errors.Is(err, errOtherBytes) {
			r.unbound = err
			return nil
		}
		return err
	}
	r.done, r.want.Columns = asked.Done, columns
	return nil
}

// present are the columns that can be read of the rows as they were written, and what
// the directories say of them. A directory's key may hide a column of the file:
// that one is not there for who takes up rows that are half done.
func (r *reader) present() []string {
	var out []string
	for i := range r.file.columns {
		if l := &r.file.columns[i]; l.rule != unsupported && !r.fixed(l.name) {
			out = append(out, l.name)
		}
	}
	for i := range r.at.Fixed {
		if name := r.at.Fixed[i].Name; r.file.column(name) == nil {
			out = append(out, name)
		}
	}
	return out
}

// hidden are the columns of the file that directories' keys hide, as a done-list
// spells columns that are lost.
func (r *reader) hidden() []string {
	var out []string
	for i := range r.file.columns {
		if name := r.file.columns[i].name; r.fixed(name) {
			out = append(out, "without:"+name)
		}
	}
	return out
}

func (r *reader) fixed(name string) bool {
	return slices.ContainsFunc(r.at.Fixed, func(c constant) bool { return c.Name == name })
}

var errOtherBytes = errors.New("the bytes of a column are not those that the header was written for")

// held is a chunk in memory.
type held struct {
	at int64 // in the file
	b  []byte
}

// hold checks the chunks of columns against the header's sums, and keeps them.
func (r *reader) hold(columns []string, sums []uint64) error {
	left, present := int64(maxHeld), r.present()
	for _, name := range columns {
		l := r.file.column(name)
		if l == nil || l.rule == unsupported || !slices.Contains(present, name) {
			continue // a constant, or an error in open
		}
		err := l.each(func(leaf int) error {
			k := &r.group.chunks[leaf]
			if k.external || k.encrypted {
				return nil // an error in open
			}
			sum, err := r.sumOf(k, &left)
			if err == nil && sum != sums[leaf] {
				err = errOtherBytes
			}
			return err
		})
		if err != nil {
			return r.fail(name, err)
		}
	}
	return nil
}

// each calls f with the leaves of a column.
func (l *leaf) each(f func(leaf int) error) error {
	if l.tree == nil {
		return f(l.index)
	}
	return l.tree.each(func(nd *node) error { return f(nd.leaf.index) })
}

// sumOf returns the checksum of a chunk's bytes, which it keeps if there is room left.
func (r *reader) sumOf(k *chunk, left *int64) (uint64, error) {
	if k.compressed > *left {
		return sumFrom(r.file, k, r.want.Mem)
	}
	*left -= k.compressed
	b := r.want.Mem.Allocate(int(k.compressed))
	r.held = append(r.held, held{at: k.start(), b: b})
	if err := readFull(r.file, b, k.start()); err != nil {
		return 0, err
	}
	return xxh3.Hash(b), nil
}

// sumFrom returns the checksum of a chunk's bytes.
func sumFrom(file io.ReaderAt, k *chunk, mem memory.Allocator) (uint64, error) {
	b := mem.Allocate(int(min(window, k.compressed)))
	defer mem.Free(b)
	h := xxh3.New()
	for done := int64(0); done < k.compressed; {
		n := min(int64(len(b)), k.compressed-done)
		if err := readFull(file, b[:n], k.start()+done); err != nil {
			return 0, err
		}
		_, _ = h.Write(b[:n]) // a hash takes everything
		done += n
	}
	return h.Sum64(), nil
}

// readFull reads len(b) bytes.
func readFull(file io.ReaderAt, b []byte, at int64) error {
	n, err := file.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return errShrunk
	}
	return fault.Wrap(fault.Retry, err)
}

// drop gives back the chunks that were kept.
func (r *reader) drop() {
	for _, h := range r.held {
		r.want.Mem.Free(h.b)
	}
	r.held = nil
}

// bytes are those of the file, of which some may be in memory.
func (r *reader) bytes() io.ReaderAt {
	if len(r.held) == 0 {
		return r.file
	}
	return r
}

// ReadAt reads from the chunks that are kept, or else from the file. It is called
// within one chunk.
func (r *reader) ReadAt(b []byte, off int64) (int, error) {
	for i := range r.held {
		h := &r.held[i]
		if off >= h.at && off < h.at+int64(len(h.b)) {
			n := copy(b, h.b[off-h.at:])
			if n < len(b) {
				return n, fmt.Errorf("a read past the end of a column: %w", io.EOF)
			}
			return n, nil
		}
	}
	return r.file.ReadAt(b, off)
}
