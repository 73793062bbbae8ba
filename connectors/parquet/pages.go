package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/parquet-go/parquet-go/format"
)

const (
	window  = 512 << 10 // bytes read from the file at once
	maxPage = 1 << 30   // bytes of one page, decompressed
)

var (
	errShrunk  = errors.New("the file ends before its data (it is truncated, or changed while it was read)")
	errOverrun = errors.New("a page runs past the end of its column")
	errSum     = errors.New("a page does not match its checksum")
	errRows    = errors.New("a column has another number of rows than its row group")
)

// scratch is memory of an allocator that is used over and over.
type scratch struct {
	mem memory.Allocator
	buf []byte
}

// need returns n bytes with slack readable bytes behind them. What was in the
// scratch before is gone.
func (s *scratch) need(n int) []byte {
	if len(s.buf) < n+slack {
		s.free()
		s.buf = s.mem.Allocate(n + n/8 + slack)
	}
	return s.buf[:n]
}

func (s *scratch) free() {
	if s.buf != nil {
		s.mem.Free(s.buf)
		s.buf = nil
	}
}

// pageHeader is what stands before a page.
type pageHeader struct {
	typ          format.PageType
	uncompressed int
	compressed   int
	crc          uint32
	hasCRC       bool
	values       int
	enc          format.Encoding
	levelEnc     format.Encoding // of definition levels, version 1
	defLength    int             // version 2
	repLength    int
	plain        bool // version 2: the values are not compressed
}

// page is a page, decompressed. Its bytes are lent until the next one is read;
// slack bytes behind body may be read.
type page struct {
	typ    format.PageType
	rows   int // of a dictionary: its values
	enc    format.Encoding
	levels []byte // runs of definition levels; nil where the column is required
	reps   []byte // runs of repetition levels, of a nested column
	body   []byte
}

// pages steps through the pages of one chunk.
type pages struct {
	file     io.ReaderAt
	codecs   *codecs
	codec    format.CompressionCodec
	optional bool
	length   int // of values that are all as long, or 0
	// A nested column has levels of its own, and values where the definition
	// level is the highest. Rows of pages then are levels.
	nested         bool
	maxRep, maxDef int
	pos, end       int64 // of the file: what to load next, the end of the chunk
	rows           int64 // not yet seen in a header
	raw            scratch
	win            []byte // loaded and not yet taken
	out            scratch
	lengthened     scratch
}

func newPages(file io.ReaderAt, c *codecs, k *chunk, l *leaf, rows int64, mem memory.Allocator) *pages {
	return &pages{
		file: file, codecs: c, codec: k.codec, optional: l.optional, length: l.length,
		pos: k.start(), end: k.start() + k.compressed, rows: rows,
		raw: scratch{mem: mem}, out: scratch{mem: mem}, lengthened: scratch{mem: mem},
	}
}

func (p *pages) close() {
	p.raw.free()
	p.out.free()
	p.lengthened.free()
}

// fill loads until n bytes stand in the window.
func (p *pages) fill(n int) error {
	if len(p.win) >= n {
		return nil
	}
	left := p.end - p.pos
	if int64(n-len(p.win)) > left {
		return errOverrun
	}
	size := max(n, min(window, len(p.win)+int(min(left, window))))
	have := len(p.win)
	if len(p.raw.buf) < size+slack {
		next := scratch{mem: p.raw.mem}
		copy(next.need(size), p.win)
		p.raw.free()
		p.raw = next
	} else {
		copy(p.raw.buf, p.win)
	}
	p.win = p.raw.buf[:size]
	got, err := p.file.ReadAt(p.win[have:], p.pos)
	if got < size-have {
		if err == nil || errors.Is(err, io.EOF) {
			return errShrunk
		}
		return fault.Wrap(fault.Retry, err)
	}
	p.pos += int64(got)
	return nil
}

// discard drops n bytes, of which the window may hold only some.
func (p *pages) discard(n int) error {
	if n <= len(p.win) {
		p.win = p.win[n:]
		return nil
	}
	rest := int64(n - len(p.win))
	if rest > p.end-p.pos {
		return errOverrun
	}
	p.win = nil
	p.pos += rest
	return nil
}

// header reads the next page header.
func (p *pages) header() (pageHeader, error) {
	for size := 256; ; size *= 4 {
		all := int64(len(p.win)) + p.end - p.pos
		if all == 0 {
			return pageHeader{}, errRows
		}
		if err := p.fill(int(min(int64(size), all))); err != nil {
			return pageHeader{}, err
		}
		h, n, err := parsePageHeader(p.win)
		switch {
		case err == nil:
			p.win = p.win[n:]
			return h, h.check()
		case !errors.Is(err, errShort) || int64(len(p.win)) >= all || size > 1<<24:
			return pageHeader{}, err
		}
		size = max(size, len(p.win))
	}
}

// next returns the next page. Whole data pages within the next skip rows are
// passed over unread; skipped counts their rows.
func (p *pages) next(skip int64) (pg page, skipped int64, err error) {
	for {
		h, err := p.header()
		if err != nil {
			return page{}, skipped, err
		}
		if h.typ == format.DictionaryPage {
			pg, err = p.load(&h)
			return pg, skipped, err
		}
		if h.typ != format.DataPage && h.typ != format.DataPageV2 {
			if err := p.discard(h.compressed); err != nil {
				return page{}, skipped, err
			}
			continue
		}
		if p.rows -= int64(h.values); p.rows < 0 {
			return page{}, skipped, errRows
		}
		if skip > 0 && int64(h.values) <= skip {
			skip -= int64(h.values)
			skipped += int64(h.values)
			if err := p.discard(h.compressed); err != nil {
				return page{}, skipped, err
			}
			if skip == 0 {
				return page{}, skipped, nil
			}
			continue
		}
		pg, err = p.load(&h)
		return pg, skipped, err
	}
}

// load takes the page that follows its header.
func (p *pages) load(h *pageHeader) (page, error) {
	if err := p.fill(h.compressed); err != nil {
		return page{}, err
	}
	src := p.win[:h.compressed]
	p.win = p.win[h.compressed:]
	if h.hasCRC && crc32.ChecksumIEEE(src) != h.crc {
		return page{}, errSum
	}
	pg := page{typ: h.typ, rows: h.values, enc: h.enc}
	uncompressed, codec := h.uncompressed, p.codec
	if h.typ == format.DataPageV2 {
		head := h.repLength + h.defLength
		if head > len(src) || head > uncompressed {
			return page{}, errOverrun
		}
		if p.optional || p.nested {
			pg.reps, pg.levels = src[:h.repLength], src[h.repLength:head]
		}
		src, uncompressed = src[head:], uncompressed-head
		if h.plain {
			codec = format.Uncompressed
		}
	}
	switch {
	case uncompressed == 0: // some writers compress nothing to nothing
		pg.body = src[:0]
	case codec == format.Uncompressed:
		pg.body = src
	default:
		pg.body = p.out.need(uncompressed)
		if err := p.codecs.decompress(codec, pg.body, src); err != nil {
			return page{}, fmt.Errorf("cannot decompress a page (%s): %w", codec, err)
		}
	}
	if err := p.cutAll(&pg, h); err != nil {
		return page{}, err
	}
	if p.prefixes(pg.enc, pg.typ) {
		body, err := p.prefixed(pg.body)
		pg.body = body
		return pg, err
	}
	return pg, nil
}

// cutAll takes the levels that a version 1 page begins with.
func (p *pages) cutAll(pg *page, h *pageHeader) error {
	switch {
	case h.typ != format.DataPage:
		return nil
	case p.optional:
		return pg.cutLevels(h, &pg.levels)
	case !p.nested:
		return nil
	}
	if p.maxRep > 0 {
		if err := pg.cutLevels(h, &pg.reps); err != nil {
			return err
		}
	}
	if p.maxDef > 0 {
		return pg.cutLevels(h, &pg.levels)
	}
	return nil
}

// cutLevels takes levels off the front of a version 1 page.
func (pg *page) cutLevels(h *pageHeader, to *[]byte) error {
	if h.levelEnc != format.RLE {
		return fmt.Errorf("levels in encoding %s are not supported", h.levelEnc)
	}
	if len(pg.body) < 4 {
		return errOverrun
	}
	n := binary.LittleEndian.Uint32(pg.body)
	if uint64(n) > uint64(len(pg.body)-4) {
		return errOverrun
	}
	*to, pg.body = pg.body[4:4+n], pg.body[4+n:]
	return nil
}

// check refuses sizes that cannot be.
func (h *pageHeader) check() error {
	switch {
	case h.uncompressed < 0 || h.compressed < 0 || h.values < 0 || h.defLength < 0 || h.repLength < 0:
		return errThrift
	case h.uncompressed > maxPage:
		return fmt.Errorf("a page of %d bytes is too large", h.uncompressed)
	}
	return nil
}

// parsePageHeader returns the header at the front of b and its length.
func parsePageHeader(b []byte) (pageHeader, int, error) {
	c := &compact{b: b}
	h := pageHeader{levelEnc: format.RLE}
	c.fields(func(id int16, typ byte) {
		switch id {
		case 1:
			h.typ = format.PageType(c.integer(typ))
		case 2:
			h.uncompressed = int(c.integer(typ))
		case 3:
			h.compressed = int(c.integer(typ))
		case 4:
			h.crc, h.hasCRC = uint32(c.integer(typ)), true
		case 5, 7, 8:
			c.structure(typ, func(field int16, typ byte) { h.parseKind(c, id, field, typ) })
		default:
			c.skip(typ)
		}
	})
	return h, c.at, c.err
}

// parseKind reads a field of the header of a kind of page: 5 is a data page, 7
// a dictionary, 8 a data page of version 2.
func (h *pageHeader) parseKind(c *compact, kind, field int16, typ byte) {
	switch {
	case field == 1:
		h.values = int(c.integer(typ))
	case field == 2 && kind != 8, field == 4 && kind == 8:
		h.enc = format.Encoding(c.integer(typ))
	case field == 3 && kind == 5:
		h.levelEnc = format.Encoding(c.integer(typ))
	case field == 5 && kind == 8:
		h.defLength = int(c.integer(typ))
	case field == 6 && kind == 8:
		h.repLength = int(c.integer(typ))
	case field == 7 && kind == 8:
		h.plain = !c.boolean(typ)
	default:
		c.skip(typ)
	}
}
