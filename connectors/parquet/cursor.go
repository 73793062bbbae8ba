package parquet

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/parquet-go/parquet-go/format"
)

// column yields the rows of one chunk.
type column interface {
	// read returns the next n rows as an array that the caller owns. There
	// must be as many.
	read(n int) (arrow.Array, error)
	// skip passes over n rows.
	skip(n int64) error
	close()
}

// cursor stands in a chunk, between two rows. What depends on the type of the
// values is left to the column that has it.
type cursor struct {
	*pages
	mem    memory.Allocator
	serial int    // of the page, from 1
	left   int    // rows left of the page
	levels levels // of the page, where the column is optional
	coded  bool   // the page holds codes into the dictionary
	codes  hybrid
	body   []byte // values of the page that are left, in plain encoding
}

var (
	errCode    = errors.New("a code lies outside of the dictionary")
	errNoDict  = errors.New("a page needs a dictionary and there is none")
	errDict    = errors.New("a column has more than one dictionary")
	errTooFew  = errors.New("a page has fewer values than it says")
	errTooMany = errors.New("a page has more values than it says")
)

// valuer is what a cursor asks the column it belongs to.
type valuer interface {
	// dictionary loads the values of a dictionary page.
	dictionary(pg *page) error
	hasDictionary() bool
	// decode takes a data page in an encoding that is neither plain nor codes
	// and returns it in plain encoding.
	decode(pg *page) ([]byte, error)
	// drop passes over n values of the page.
	drop(n int) error
}

// advance opens the next data page, passing over up to skip rows of whole
// pages, and returns how many it has passed.
func (c *cursor) advance(v valuer, skip int64) (int64, error) {
	for {
		pg, skipped, err := c.next(skip)
		if err != nil || skipped > 0 && skipped == skip {
			return skipped, err
		}
		if pg.typ == format.DictionaryPage {
			if err := c.define(v, &pg); err != nil {
				return skipped, err
			}
			continue
		}
		if err := c.open(v, &pg); err != nil {
			return skipped, err
		}
		if c.left > 0 || skipped > 0 {
			return skipped, nil
		}
	}
}

// define takes a dictionary page.
func (c *cursor) define(v valuer, pg *page) error {
	if v.hasDictionary() {
		return errDict
	}
	if pg.enc != format.Plain && pg.enc != format.PlainDictionary {
		return fmt.Errorf("a dictionary in encoding %s is not supported", pg.enc)
	}
	return v.dictionary(pg)
}

func (c *cursor) open(v valuer, pg *page) error {
	c.serial++
	c.left, c.coded, c.body = pg.rows, false, pg.body
	c.levels.reset(pg.levels)
	if len(pg.levels) == 0 { // some writers leave out levels that are all ones
		c.levels.left, c.levels.value = pg.rows, true
	}
	var err error
	switch pg.enc {
	case format.Plain:
	case format.RLEDictionary, format.PlainDictionary:
		if !v.hasDictionary() {
			if c.body = nil; c.optional {
				return nil // it may be all nulls; a value is missed when it is wanted
			}
			return errNoDict
		}
		c.coded = true
		width := 0
		if len(pg.body) > 0 {
			width, pg.body = int(pg.body[0]), pg.body[1:]
		}
		return c.codes.reset(pg.body, width)
	default:
		c.body, err = v.decode(pg)
	}
	return err
}

// skipRows passes over n rows.
func (c *cursor) skipRows(v valuer, n int64) error {
	var bits scratch
	bits.mem = c.mem
	defer bits.free()
	for n > 0 {
		if c.left == 0 {
			skipped, err := c.advance(v, n)
			if err != nil {
				return err
			}
			n -= skipped
			continue
		}
		k := int(min(n, int64(c.left)))
		ones := k
		if c.optional {
			var err error
			if ones, err = c.levels.read(bits.need(k/8+1), 0, k); err != nil {
				return err
			}
		}
		if err := v.drop(ones); err != nil {
			return err
		}
		c.left -= k
		n -= int64(k)
	}
	return nil
}

// dropCodes passes over n codes.
func (c *cursor) dropCodes(n int) error {
	var some [256]int32
	for n > 0 {
		k := min(n, len(some))
		if err := c.codes.read(some[:k]); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// validity collects the validity of the rows of one array. No bitmap is made
// before the first null.
type validity struct {
	mem  memory.Allocator
	n    int // rows of the array
	buf  *memory.Buffer
	null int
}

// take reads the levels of rows [off, off+n) and returns how many are not null.
func (v *validity) take(c *cursor, off, n int) (int, error) {
	if !c.optional {
		return n, nil
	}
	if v.buf == nil {
		if c.levels.allSet(n) {
			return n, nil
		}
		v.buf = memory.NewResizableBuffer(v.mem)
		v.buf.Resize((v.n + 63) / 64 * 8)
		clear(v.buf.Bytes())
		bitutil.SetBitsTo(v.buf.Bytes(), 0, int64(off), true)
	}
	ones, err := c.levels.read(v.buf.Bytes(), off, n)
	v.null += n - ones
	return ones, err
}

// bits is the bitmap made so far, nil while there was no null.
func (v *validity) bits() []byte {
	if v.buf == nil {
		return nil
	}
	return v.buf.Bytes()
}

func (v *validity) release() {
	if v.buf != nil {
		v.buf.Release()
		v.buf = nil
	}
}

// array makes an array of the buffers, which it takes over. dict is nil or the
// shared values of a dictionary.
func (v *validity) array(dt arrow.DataType, dict arrow.ArrayData, bufs ...*memory.Buffer) arrow.Array {
	if v.null == 0 {
		v.release()
	}
	all := append(make([]*memory.Buffer, 0, 3), v.buf)
	all = append(all, bufs...)
	var data *array.Data
	if d, ok := dict.(*array.Data); ok {
		data = array.NewDataWithDictionary(dt, v.n, all, v.null, 0, d)
	} else {
		data = array.NewData(dt, v.n, all, nil, v.null, 0)
	}
	for _, b := range all {
		if b != nil {
			b.Release()
		}
	}
	out := array.MakeFromData(data)
	data.Release()
	return out
}

// spread moves the dense values at the front of dst to the rows that are not
// null, which are the ones of bits from off on. Null rows become zero.
func spread[T int32 | uint32 | uint64](dst []T, dense int, bits []byte, off int) {
	for i := len(dst) - 1; i >= 0; i-- {
		if bitutil.BitIsSet(bits, off+i) {
			dense--
			dst[i] = dst[dense]
		} else {
			dst[i] = 0
		}
	}
}
