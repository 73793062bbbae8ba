package parquet

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/zeebo/xxh3"
)

// Keys of a file's footer that are ours. The header of a file stands under
// doneKey: what was done to the rows of each row group, and the checksums that bind
// it to them. docs/inspect.md has the format for others.
const (
	labelKey = "idag.label"
	doneKey  = "idag.done"
)

const headerVersion = 1

// envelope is the value of doneKey. Sum is that of the label, of what the footer
// says of the schema and the row groups, and of the bytes of Header: a tool that
// copies the footer's keys to other rows, or edits one of them, leaves it wrong.
type envelope struct {
	Version int             `json:"version"`
	Sum     string          `json:"sum"`
	Header  json.RawMessage `json:"header"`
}

// fileHeader is the header of a file. Lists are done-lists, each given once.
type fileHeader struct {
	Lists  [][]string    `json:"lists"`
	Groups []groupHeader `json:"groups"`
}

// groupHeader is the header of a row group. Chunks are the checksums of the bytes
// of its column chunks as they lie in the file, by leaf of the schema.
type groupHeader struct {
	Rows   int64    `json:"rows"`
	List   *int     `json:"list,omitempty"` // of Lists; nil where nothing was done
	Chunks []string `json:"chunks"`
}

// boundHeader is a header whose sum is right.
type boundHeader struct {
	groups []boundGroup
}

type boundGroup struct {
	done []string
	sums []uint64
}

// Done says that the rows written from here on had the operations of list applied
// to them, as rdd.Header.Done has them; nil at the beginning. Rows with different
// lists lie in different row groups.
func (w *Writer) Done(list []string) error {
	if w.err != nil {
		return w.err
	}
	if slices.Equal(list, w.done) {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.done = slices.Clone(list)
	return nil
}

// noteGroup keeps the header of the row group that was written.
func (w *Writer) noteGroup(rows int64, sums []string) {
	g := groupHeader{Rows: rows, Chunks: sums}
	if len(w.done) > 0 {
		at := slices.IndexFunc(w.header.Lists, func(l []string) bool { return slices.Equal(l, w.done) })
		if at < 0 {
			at = len(w.header.Lists)
			w.header.Lists = append(w.header.Lists, w.done)
		}
		g.List = &at
	}
	w.header.Groups = append(w.header.Groups, g)
}

// sign adds the header to a footer that is complete without it. The sum is made of
// what a reader will read.
func (w *Writer) sign(m *format.FileMetaData) error {
	b, err := thrift.Marshal(&thrift.CompactProtocol{}, m)
	if err != nil {
		return err
	}
	f, err := parseFooter(b)
	if err != nil {
		return err
	}
	if w.header.Lists == nil {
		w.header.Lists = [][]string{}
	}
	if w.header.Groups == nil {
		w.header.Groups = []groupHeader{}
	}
	header, err := json.Marshal(&w.header)
	if err != nil {
		return err
	}
	value, err := json.Marshal(&envelope{Version: headerVersion, Sum: spellSum(f.fingerprint(header)), Header: header})
	if err != nil {
		return err
	}
	m.KeyValueMetadata = append(m.KeyValueMetadata, format.KeyValue{Key: doneKey, Value: string(value)})
	return nil
}

func spellSum(sum uint64) string { return fmt.Sprintf("%016x", sum) }

func parseSum(s string) (uint64, error) {
	if len(s) != 16 {
		return 0, fmt.Errorf("%q is no checksum of 16 hexadecimal digits", s)
	}
	return strconv.ParseUint(s, 16, 64)
}

// bind returns the header of a file if it is bound to what the footer says: to the
// label, the schema, and the rows and statistics of all chunks. Their bytes are
// checked when they are read. A file without a header has neither header nor error.
func (f *footer) bind() (*boundHeader, error) {
	switch f.headers {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, fmt.Errorf("there are %d headers", f.headers)
	}
	var e envelope
	if err := json.Unmarshal(f.header, &e); err != nil {
		return nil, fmt.Errorf("the header is not JSON as it should be: %w", err)
	}
	if e.Version != headerVersion {
		return nil, fmt.Errorf("the header has version %d; this program knows %d", e.Version, headerVersion)
	}
	sum, err := parseSum(e.Sum)
	if err != nil {
		return nil, err
	}
	if sum != f.fingerprint(e.Header) {
		return nil, fmt.Errorf("the header is not that of this footer: its checksum is another (label, schema, rows or header were changed)")
	}
	var h fileHeader
	if err := json.Unmarshal(e.Header, &h); err != nil {
		return nil, fmt.Errorf("the header is not JSON as it should be: %w", err)
	}
	return f.bindGroups(&h)
}

func (f *footer) bindGroups(h *fileHeader) (*boundHeader, error) {
	if len(h.Groups) != len(f.groups) {
		return nil, fmt.Errorf("the header is of %d row groups, the file has %d", len(h.Groups), len(f.groups))
	}
	out := &boundHeader{groups: make([]boundGroup, len(h.Groups))}
	for i := range h.Groups {
		from, to, has := &h.Groups[i], &out.groups[i], &f.groups[i]
		if from.Rows != has.rows || len(from.Chunks) != len(has.chunks) {
			return nil, fmt.Errorf("the header is of %d rows and %d columns in row group %d, the file has %d and %d there",
				from.Rows, len(from.Chunks), i, has.rows, len(has.chunks))
		}
		if from.List != nil {
			if *from.List < 0 || *from.List >= len(h.Lists) {
				return nil, fmt.Errorf("the header has no list %d", *from.List)
			}
			to.done = h.Lists[*from.List]
		}
		to.sums = make([]uint64, len(from.Chunks))
		for j, s := range from.Chunks {
			var err error
			if to.sums[j], err = parseSum(s); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// fingerprint sums up the label, the schema, the row groups and a header. Numbers
// are written as unsigned varints, strings behind their lengths.
func (f *footer) fingerprint(header []byte) uint64 {
	var b []byte
	number := func(vs ...int64) {
		for _, v := range vs {
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	text := func(v []byte) {
		number(int64(len(v)))
		b = append(b, v...)
	}
	text([]byte(f.label))
	number(int64(len(f.schema)))
	for i := range f.schema {
		e := &f.schema[i]
		text([]byte(e.name))
		number(flag(e.leaf), int64(e.physical), int64(e.length), int64(e.repeat), int64(e.children), int64(e.converted), int64(e.scale), int64(e.precision))
		l := &e.logical
		number(int64(l.id), int64(l.unit), int64(l.bits), flag(l.signed), int64(l.scale), int64(l.precision))
	}
	number(int64(len(f.intervals)))
	for _, v := range f.intervals {
		text([]byte(v))
	}
	number(f.rows, int64(len(f.groups)))
	for i := range f.groups {
		g := &f.groups[i]
		number(g.rows, int64(len(g.chunks)))
		for j := range g.chunks {
			k := &g.chunks[j]
			number(int64(k.physical), int64(k.codec), k.values, k.compressed, k.uncompressed, k.stats.nulls, k.nans,
				flag(k.stats.min != nil), flag(k.stats.max != nil))
			for _, bound := range [][]byte{k.stats.min, k.stats.max, k.stats.oldMin, k.stats.oldMax} {
				text(bound)
			}
		}
	}
	text(header)
	return xxh3.Hash(b)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
