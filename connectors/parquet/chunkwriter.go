package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	pageRows  = 16 << 10
	pageBytes = 1 << 20
	longBound = 256 // bytes of a string above which it is no bound any more
)

// encoder lays out the values of one type. It sees values that are not null.
type encoder interface {
	// add takes rows [from, from+n) of a. valid is a's validity where some of
	// these rows are null, else nil; bit off of it is row 0 of a.
	add(a arrow.Array, from, n int, valid []byte, off int) error
	// size of the page under way in bytes, and how many rows may be added at
	// once without overshooting a page by much.
	size() (bytes, step int)
	// page ends the page under way. What it returns is lent until the next add.
	page() encodedPage
	// chunk says of the chunk what is known after its last page.
	chunk() encodedChunk
	// reset starts a new chunk.
	reset()
}

// encodedChunk is the dictionary of a chunk, in plain encoding, nil if no page
// holds codes; and the bounds of the chunk, nil if it has no values.
type encodedChunk struct {
	dict   []byte
	values int // of dict
	lo, hi []byte
	nans   int64
}

// encodedPage is the values of a page and their bounds, nil if there are none.
type encodedPage struct {
	values []byte
	enc    format.Encoding
	lo, hi []byte
}

// chunkIndex is the page index of a chunk.
type chunkIndex struct {
	pages     format.OffsetIndex
	bounds    format.ColumnIndex
	unbounded bool // some page has values and no bounds
}

// chunkWriter encodes one column of the row group under way.
type chunkWriter struct {
	encoder
	optional bool
	pressed  *compressor
	typ      arrow.DataType
	path     []string // of names, from the root

	nested         bool // reps and defs are those of the page under way
	maxRep, maxDef int
	reps, defs     []uint8
	entries        int // of the chunk: its values and nulls
	repLength      int // of the page's levels of repetition, in bytes

	rows, nulls int    // of the page under way
	valid       []byte // of the page under way, once there was a null
	body        []byte // pages of the chunk
	head        []byte // levels of the page
	total       int    // rows of the chunk
	totalNulls  int
	raw         int64 // bytes before compression, with headers
	index       chunkIndex
	count       map[format.Encoding]int32
}

var (
	errNull     = errors.New("a null in a column that has none")
	errPageSize = errors.New("a value is too large for a page")
)

// add takes rows [from, from+n) of a.
func (c *chunkWriter) add(a arrow.Array, from, n int) error {
	for n > 0 {
		_, step := c.size()
		k := min(n, step, pageRows-c.rows)
		if err := c.some(a, from, k); err != nil {
			return err
		}
		from += k
		n -= k
		if size, _ := c.size(); c.rows == pageRows || size >= pageBytes {
			if err := c.endPage(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *chunkWriter) some(a arrow.Array, from, n int) error {
	var bits []byte
	off := a.Data().Offset()
	if a.NullN() > 0 {
		bits = a.NullBitmapBytes()
	}
	nulls := 0
	if bits != nil {
		nulls = n - bitutil.CountSetBits(bits, off+from, n)
	}
	if nulls == 0 {
		bits = nil
	}
	if nulls > 0 && !c.optional {
		return errNull
	}
	if nulls > 0 && c.nulls == 0 {
		c.valid = append(c.valid[:0], make([]byte, pageRows/8)...)
		bitutil.SetBitsTo(c.valid, 0, int64(c.rows), true)
	}
	switch {
	case nulls > 0:
		bitutil.CopyBitmap(bits, off+from, n, c.valid, c.rows)
	case c.nulls > 0:
		bitutil.SetBitsTo(c.valid, int64(c.rows), int64(n), true)
	}
	c.rows += n
	c.nulls += nulls
	return c.encoder.add(a, from, n, bits, off)
}

// levels encodes the definition levels of the page: one run if there is no
// null, else the bitmap as it is.
func (c *chunkWriter) levels() []byte {
	c.head = c.head[:0]
	if c.nested {
		return c.nestedLevels()
	}
	if !c.optional {
		return c.head
	}
	if c.nulls == 0 {
		c.head = binary.AppendUvarint(c.head, uint64(c.rows)<<1)
		return append(c.head, 1)
	}
	n := (c.rows + 7) / 8
	c.head = binary.AppendUvarint(c.head, uint64(n)<<1|1)
	return append(c.head, c.valid[:n]...)
}

// nestedLevels encodes the levels of repetition and of definition. repLength is
// how long the first are.
func (c *chunkWriter) nestedLevels() []byte {
	c.repLength = 0
	if c.maxRep > 0 {
		c.head = c.hybrid(c.head, c.reps, c.maxRep)
		c.repLength = len(c.head)
	}
	if c.maxDef > 0 {
		c.head = c.hybrid(c.head, c.defs, c.maxDef)
	}
	return c.head
}

func (c *chunkWriter) hybrid(dst []byte, levels []uint8, most int) []byte {
	enc := rle.Encoding{BitWidth: bits.Len(uint(most))}
	out, err := enc.EncodeLevels(nil, levels)
	if err != nil {
		panic("parquet: " + err.Error()) // the width is that of the highest level
	}
	return append(dst, out...)
}

// endPage encodes the page under way, if it has rows.
func (c *chunkWriter) endPage() error {
	if c.rows == 0 {
		return nil
	}
	p := c.page()
	if len(p.values) > maxPage {
		return errPageSize
	}
	levels := c.levels()
	values, smaller := c.pressed.maybe(p.values)
	sum := crc32.Update(crc32.ChecksumIEEE(levels), crc32.IEEETable, values)
	h := format.PageHeader{
		Type:                 format.DataPageV2,
		UncompressedPageSize: int32(len(levels) + len(p.values)),
		CompressedPageSize:   int32(len(levels) + len(values)),
		CRC:                  int32(sum),
		DataPageHeaderV2: thrift.New(format.DataPageHeaderV2{
			NumValues: int32(c.pageEntries()), NumNulls: int32(c.nulls), NumRows: int32(c.rows),
			Encoding:                   p.enc,
			DefinitionLevelsByteLength: int32(len(levels) - c.repLength),
			RepetitionLevelsByteLength: int32(c.repLength),
			IsCompressed:               thrift.New(smaller),
			Statistics:                 format.Statistics{NullCount: int64(c.nulls), MinValue: short(p.lo), MaxValue: short(p.hi)},
		}),
	}
	head, err := thrift.Marshal(&thrift.CompactProtocol{}, &h)
	if err != nil {
		return err
	}
	c.note(&p, len(head)+len(levels)+len(values))
	c.raw += int64(len(head) + len(levels) + len(p.values))
	c.body = append(c.body, head...)
	c.body = append(c.body, levels...)
	c.body = append(c.body, values...)
	if c.count == nil {
		c.count = map[format.Encoding]int32{}
	}
	c.count[p.enc]++
	c.total += c.rows
	c.entries += c.pageEntries()
	c.totalNulls += c.nulls
	c.rows, c.nulls, c.reps, c.defs = 0, 0, c.reps[:0], c.defs[:0]
	return nil
}

// pageEntries is how many values the page has, nulls included.
func (c *chunkWriter) pageEntries() int {
	if c.nested {
		return len(c.defs)
	}
	return c.rows
}

// short returns a bound unless it is too long to be kept.
func short(b []byte) []byte {
	if len(b) > longBound {
		return nil
	}
	return b
}

// note adds the page to the index. Long bounds are cut, outwards.
func (c *chunkWriter) note(p *encodedPage, size int) {
	c.index.pages.PageLocations = append(c.index.pages.PageLocations, format.PageLocation{
		Offset: int64(len(c.body)), CompressedPageSize: int32(size), FirstRowIndex: int64(c.total),
	})
	b := &c.index.bounds
	empty := c.pageEntries() == c.nulls
	lo, hi := p.lo, p.hi
	if len(lo) > longBound {
		lo = lo[:longBound]
	}
	if len(hi) > longBound {
		hi = above(hi[:longBound])
	}
	if !empty && (lo == nil || hi == nil) {
		c.index.unbounded = true
	}
	b.NullPages = append(b.NullPages, empty)
	b.MinValues = append(b.MinValues, append([]byte{}, lo...))
	b.MaxValues = append(b.MaxValues, append([]byte{}, hi...))
	b.NullCounts = append(b.NullCounts, int64(c.nulls))
}

// above returns a string that is larger than all that begin with b, or nil.
// The result may end within a UTF-8 sequence, as bounds may.
func above(b []byte) []byte {
	out := append([]byte{}, b...)
	for i := len(out) - 1; i >= 0; i-- {
		if out[i] < 0xff {
			out[i]++
			return out[:i+1]
		}
	}
	return nil
}

// finish writes the chunk at offset at of the file and starts a new one.
func (c *chunkWriter) finish(at int64, write func([]byte) error) (format.ColumnMetaData, chunkIndex, error) {
	if err := c.endPage(); err != nil {
		return format.ColumnMetaData{}, chunkIndex{}, err
	}
	all := c.chunk()
	m := c.meta(&all)
	pages := at
	if all.dict != nil {
		size, err := c.writeDictionary(all.dict, all.values, write)
		if err != nil {
			return m, chunkIndex{}, err
		}
		m.DictionaryPageOffset = at
		m.Encoding = append(m.Encoding, format.Plain)
		m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{PageType: format.DictionaryPage, Encoding: format.Plain, Count: 1})
		pages += int64(size)
		m.TotalCompressedSize += int64(size)
	}
	m.TotalUncompressedSize = c.raw
	m.DataPageOffset = pages
	for i := range c.index.pages.PageLocations {
		c.index.pages.PageLocations[i].Offset += pages
	}
	index := c.index
	if err := write(c.body); err != nil {
		return m, index, err
	}
	c.encoder.reset()
	*c = chunkWriter{
		encoder: c.encoder, optional: c.optional, pressed: c.pressed, typ: c.typ, path: c.path,
		nested: c.nested, maxRep: c.maxRep, maxDef: c.maxDef, reps: c.reps[:0], defs: c.defs[:0],
		valid: c.valid, body: c.body[:0], head: c.head,
	}
	return m, index, nil
}

func (c *chunkWriter) writeDictionary(values []byte, n int, write func([]byte) error) (int, error) {
	if len(values) > maxPage {
		return 0, errPageSize
	}
	packed := c.pressed.always(values)
	head, err := thrift.Marshal(&thrift.CompactProtocol{}, &format.PageHeader{
		Type:                 format.DictionaryPage,
		UncompressedPageSize: int32(len(values)),
		CompressedPageSize:   int32(len(packed)),
		CRC:                  int32(crc32.ChecksumIEEE(packed)),
		DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: int32(n), Encoding: format.Plain}),
	})
	if err != nil {
		return 0, err
	}
	if err := write(head); err != nil {
		return 0, err
	}
	c.raw += int64(len(head) + len(values))
	return len(head) + len(packed), write(packed)
}

// meta describes the chunk, but for where it lies.
func (c *chunkWriter) meta(all *encodedChunk) format.ColumnMetaData {
	m := format.ColumnMetaData{
		Codec:               c.pressed.codec,
		NumValues:           int64(c.entries),
		Type:                physicalType(c.typ),
		TotalCompressedSize: int64(len(c.body)),
		Statistics:          format.Statistics{NullCount: int64(c.totalNulls)},
	}
	if len(all.lo) <= longBound && len(all.hi) <= longBound {
		m.Statistics.MinValue, m.Statistics.MaxValue = all.lo, all.hi
	}
	if c.optional || c.nested {
		m.Encoding = append(m.Encoding, format.RLE)
	}
	for _, enc := range []format.Encoding{format.Plain, format.RLEDictionary} {
		if n := c.count[enc]; n > 0 {
			m.Encoding = append(m.Encoding, enc)
			m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{PageType: format.DataPageV2, Encoding: enc, Count: n})
		}
	}
	if c.typ.ID() == arrow.FLOAT64 {
		m.KeyValueMetadata = append(m.KeyValueMetadata, format.KeyValue{Key: nanKey, Value: strconv.FormatInt(all.nans, 10)})
	}
	return m
}

// newEncoder returns the encoder of an engine type.
func newEncoder(dt arrow.DataType) (encoder, error) {
	switch dt.ID() {
	case arrow.BOOL:
		return &boolEncoder{}, nil
	case arrow.DECIMAL128:
		if d, ok := dt.(*arrow.Decimal128Type); ok && types.Supported(dt) {
			return &decimalEncoder{typ: d}, nil
		}
	case arrow.DURATION:
		if types.Supported(dt) {
			return &fixedEncoder{typ: dt, width: 8}, nil
		}
	case arrow.BINARY:
		return newTextEncoder(), nil
	case arrow.INT64, arrow.FLOAT64:
		return &fixedEncoder{typ: dt, width: 8}, nil
	case arrow.TIMESTAMP:
		if dt.(*arrow.TimestampType).Unit == arrow.Microsecond {
			return &fixedEncoder{typ: dt, width: 8}, nil
		}
	case arrow.DATE32:
		return &fixedEncoder{typ: dt, width: 4}, nil
	case arrow.STRING:
		return newTextEncoder(), nil
	case arrow.DICTIONARY:
		d := dt.(*arrow.DictionaryType)
		if d.IndexType.ID() == arrow.INT32 && d.ValueType.ID() == arrow.STRING {
			return newTextEncoder(), nil
		}
	}
	return nil, fmt.Errorf("type %s cannot be written", dt)
}
