package parquet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go/format"
)

// footer is what a file says of itself, as far as the reader needs it. Byte
// slices in it are parts of the footer's bytes.
type footer struct {
	createdBy string
	schema    []element // depth first; the first is the root
	rows      int64
	groups    []group
	encrypted bool
	intervals []string     // numbers of leaves that are durations
	ordered   []bool       // by leaf: min and max are in the order that the format defines
	label     string       // of all rows, as our sink writes it
	header    []byte       // the last value of doneKey
	headers   int          // how many there are
	bound     *boundHeader // nil where there is none, or none that can be believed
	unbound   error        // why a header cannot be believed
}

// element is a node of the schema tree.
type element struct {
	name      string
	leaf      bool
	physical  format.Type
	length    int
	repeat    format.FieldRepetitionType
	children  int
	converted int // deprecated.ConvertedType, or -1
	scale     int
	precision int
	logical   logical
}

// logical is a logical type annotation: its id in the union, 0 for none.
type logical struct {
	id        int16
	unit      int16 // of times: 1 ms, 2 us, 3 ns
	bits      int
	signed    bool
	scale     int
	precision int
}

// group is a row group.
type group struct {
	rows   int64
	bytes  int64 // compressed
	chunks []chunk
}

// chunk is the part of a column that lies in one row group.
type chunk struct {
	external     bool // in another file
	encrypted    bool
	physical     format.Type
	codec        format.CompressionCodec
	values       int64
	compressed   int64
	uncompressed int64
	data, dict   int64 // offsets of the first data page and of the dictionary page, 0 for none
	stats        statistics
	nans         int64 // as our own writer counts them, or -1
}

// statistics of a chunk. A nil bound is unknown.
type statistics struct {
	min, max       []byte
	oldMin, oldMax []byte // in signed order, by writers of old
	nulls          int64  // or -1
}

// nanKey is the key under which our writer records the number of NaNs of a
// floating-point chunk: Parquet's statistics leave NaN out without a word.
const nanKey = "idag.nans"

// intervalKey is the key under which our writer says which leaves, by number, are
// durations in microseconds: Parquet has no type for them.
const intervalKey = "idag.intervals"

func (f *footer) parseKeyValue(c *compact, typ byte) {
	var key, value string
	c.structure(typ, func(id int16, typ byte) {
		switch id {
		case 1:
			key = string(c.binary(typ))
		case 2:
			value = string(c.binary(typ))
		default:
			c.skip(typ)
		}
	})
	switch key {
	case intervalKey:
		f.intervals = strings.Split(value, ",")
	case labelKey:
		f.label = value
	case doneKey:
		f.header, f.headers = []byte(value), f.headers+1
	}
}

// parseOrder reads a column order, a union of which the first member is the one
// that the format defines by the column's type.
func (f *footer) parseOrder(c *compact, typ byte) {
	known := false
	c.structure(typ, func(id int16, typ byte) {
		known = id == 1
		c.skip(typ)
	})
	f.ordered = append(f.ordered, known)
}

// parseFooter reads a footer from its Thrift bytes.
func parseFooter(b []byte) (*footer, error) {
	c := &compact{b: b}
	f := &footer{}
	c.fields(func(id int16, typ byte) {
		switch id {
		case 2:
			c.list(typ, func(n int) { f.schema = make([]element, 0, min(n, 1<<16)) }, func(typ byte) {
				f.schema = append(f.schema, parseElement(c, typ))
			})
		case 3:
			f.rows = c.integer(typ)
		case 4:
			c.list(typ, nil, func(typ byte) { f.groups = append(f.groups, parseGroup(c, typ, len(f.schema))) })
		case 5:
			c.list(typ, nil, func(typ byte) { f.parseKeyValue(c, typ) })
		case 6:
			f.createdBy = string(c.binary(typ))
		case 7:
			c.list(typ, nil, func(typ byte) { f.parseOrder(c, typ) })
		case 8:
			f.encrypted = true
			c.skip(typ)
		default:
			c.skip(typ)
		}
	})
	return f, c.err
}

func parseElement(c *compact, typ byte) element {
	e := element{converted: -1}
	c.structure(typ, func(id int16, typ byte) {
		switch id {
		case 1:
			e.leaf, e.physical = true, format.Type(c.integer(typ))
		case 2:
			e.length = int(c.integer(typ))
		case 3:
			e.repeat = format.FieldRepetitionType(c.integer(typ))
		case 4:
			e.name = string(c.binary(typ))
		case 5:
			e.children = int(c.integer(typ))
		case 6:
			e.converted = int(c.integer(typ))
		case 7:
			e.scale = int(c.integer(typ))
		case 8:
			e.precision = int(c.integer(typ))
		case 10:
			c.structure(typ, func(id int16, typ byte) { e.logical = parseLogical(c, id, typ) })
		default:
			c.skip(typ)
		}
	})
	return e
}

func parseLogical(c *compact, id int16, typ byte) logical {
	l := logical{id: id}
	c.structure(typ, func(field int16, typ byte) {
		switch {
		case id == logicalDecimal && field == 1:
			l.scale = int(c.integer(typ))
		case id == logicalDecimal && field == 2:
			l.precision = int(c.integer(typ))
		case (id == logicalTime || id == logicalTimestamp) && field == 2:
			c.structure(typ, func(unit int16, typ byte) {
				l.unit = unit
				c.skip(typ)
			})
		case id == logicalInt && field == 1:
			l.bits = int(c.integer(typ))
		case id == logicalInt && field == 2:
			l.signed = c.boolean(typ)
		default:
			c.skip(typ)
		}
	})
	return l
}

func parseGroup(c *compact, typ byte, columns int) group {
	g := group{bytes: -1}
	total := int64(0)
	c.structure(typ, func(id int16, typ byte) {
		switch id {
		case 1:
			c.list(typ, func(n int) { g.chunks = make([]chunk, 0, min(n, columns)) }, func(typ byte) {
				k := parseChunk(c, typ)
				total += k.compressed
				g.chunks = append(g.chunks, k)
			})
		case 3:
			g.rows = c.integer(typ)
		default:
			c.skip(typ)
		}
	})
	g.bytes = total
	return g
}

func parseChunk(c *compact, typ byte) chunk {
	k := chunk{nans: -1, stats: statistics{nulls: -1}}
	c.structure(typ, func(id int16, typ byte) {
		switch id {
		case 1:
			k.external = len(c.binary(typ)) > 0
		case 3:
			c.structure(typ, func(id int16, typ byte) { k.parseMeta(c, id, typ) })
		case 8:
			k.encrypted = true
			c.skip(typ)
		default:
			c.skip(typ)
		}
	})
	return k
}

func (k *chunk) parseMeta(c *compact, id int16, typ byte) {
	switch id {
	case 1:
		k.physical = format.Type(c.integer(typ))
	case 4:
		k.codec = format.CompressionCodec(c.integer(typ))
	case 5:
		k.values = c.integer(typ)
	case 6:
		k.uncompressed = c.integer(typ)
	case 7:
		k.compressed = c.integer(typ)
	case 8:
		c.list(typ, nil, func(typ byte) { k.parseKeyValue(c, typ) })
	case 9:
		k.data = c.integer(typ)
	case 11:
		k.dict = c.integer(typ)
	case 12:
		c.structure(typ, func(id int16, typ byte) { k.stats.parse(c, id, typ) })
	default:
		c.skip(typ)
	}
}

func (k *chunk) parseKeyValue(c *compact, typ byte) {
	var key, value string
	c.structure(typ, func(id int16, typ byte) {
		switch id {
		case 1:
			key = string(c.binary(typ))
		case 2:
			value = string(c.binary(typ))
		default:
			c.skip(typ)
		}
	})
	if key != nanKey {
		return
	}
	if _, err := fmt.Sscanf(value, "%d", &k.nans); err != nil {
		k.nans = -1
	}
}

func (s *statistics) parse(c *compact, id int16, typ byte) {
	switch id {
	case 1:
		s.oldMax = c.binary(typ)
	case 2:
		s.oldMin = c.binary(typ)
	case 3:
		s.nulls = c.integer(typ)
	case 5:
		s.max = c.binary(typ)
	case 6:
		s.min = c.binary(typ)
	default:
		c.skip(typ)
	}
}

// start is the offset of the chunk's first page.
func (k *chunk) start() int64 {
	if k.dict > 0 && k.dict < k.data {
		return k.dict
	}
	return k.data
}

var errGroups = errors.New("row groups do not fit the schema")

// check finds what would lead a reader astray: chunks outside of the file's
// data, counts that cannot be. end is where the footer begins.
func (f *footer) check(end int64) error {
	if f.encrypted {
		return errors.New("the file is encrypted")
	}
	if len(f.schema) == 0 {
		return errors.New("the file has no schema")
	}
	leaves := 0
	for i := range f.schema {
		if f.schema[i].leaf {
			leaves++
		}
	}
	total := int64(0)
	for i := range f.groups {
		g := &f.groups[i]
		if len(g.chunks) != leaves || g.rows < 0 || g.rows > 1<<40 {
			return errGroups
		}
		total += g.rows
		for j := range g.chunks {
			k := &g.chunks[j]
			if k.external || k.encrypted {
				continue
			}
			if k.compressed < 0 || k.start() < 0 || k.start() > end || k.compressed > end-k.start() || k.values < 0 {
				return fmt.Errorf("row group %d, column %d lies outside of the file", i, j)
			}
		}
	}
	if total != f.rows {
		return fmt.Errorf("the file says it has %d rows, its row groups have %d", f.rows, total)
	}
	return nil
}

// ours reports whether this package wrote the file.
func (f *footer) ours() bool { return strings.HasPrefix(f.createdBy, createdBy) }

// createdBy is how our files are signed.
const createdBy = "idag"
