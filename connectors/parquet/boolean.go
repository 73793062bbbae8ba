package parquet

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/parquet-go/parquet-go/format"
)

// boolean is a column of booleans, which pages hold as bits or as runs of bits.
type boolean struct {
	cursor
	bits levels
	of   int // serial of the page that bits are of
}

func (b *boolean) close() { b.pages.close() }

func (b *boolean) skip(n int64) error { return b.skipRows(b, n) }

func (b *boolean) read(n int) (arrow.Array, error) {
	buf := memory.NewResizableBuffer(b.mem)
	buf.Resize((n + 63) / 64 * 8)
	dst := buf.Bytes()
	clear(dst)
	valid := validity{mem: b.mem, n: n}
	for done := 0; done < n; {
		err := error(nil)
		k := 0
		if b.left == 0 {
			_, err = b.advance(b, 0)
		} else {
			k = min(b.left, n-done)
			err = b.some(dst, &valid, done, k)
		}
		if err != nil {
			buf.Release()
			valid.release()
			return nil, err
		}
		b.left -= k
		done += k
	}
	return valid.array(arrow.FixedWidthTypes.Boolean, nil, buf), nil
}

func (b *boolean) some(dst []byte, valid *validity, off, n int) error {
	ones, err := valid.take(&b.cursor, off, n)
	if err != nil {
		return err
	}
	if err := b.page(); err != nil {
		return err
	}
	if _, err := b.bits.read(dst, off, ones); err != nil {
		return errTooFew
	}
	if ones < n {
		spreadBits(dst, valid.bits(), off, n, ones)
	}
	return nil
}

// page makes bits those of the current page.
func (b *boolean) page() error {
	if b.of == b.serial {
		return nil
	}
	b.of = b.serial
	return b.bits.plain(b.body, min(b.left, 8*len(b.body)))
}

func (b *boolean) drop(n int) error {
	if err := b.page(); err != nil {
		return err
	}
	var some [64]byte
	for n > 0 {
		k := min(n, 8*len(some))
		if _, err := b.bits.read(some[:], 0, k); err != nil {
			return errTooFew
		}
		n -= k
	}
	return nil
}

func (b *boolean) hasDictionary() bool { return false }

func (b *boolean) dictionary(*page) error { return errDict }

// decode takes runs; there is no plain encoding to turn them into.
func (b *boolean) decode(pg *page) ([]byte, error) {
	if pg.enc != format.RLE {
		return nil, fmt.Errorf("encoding %s is not supported here", pg.enc)
	}
	if len(pg.body) < 4 || uint64(binary.LittleEndian.Uint32(pg.body)) > uint64(len(pg.body)-4) {
		return nil, errTooFew
	}
	b.bits.reset(pg.body[4 : 4+binary.LittleEndian.Uint32(pg.body)])
	b.of = b.serial
	return nil, nil
}

// spreadBits moves the dense bits from off on to the rows that are not null.
func spreadBits(dst, valid []byte, off, n, dense int) {
	for i := n - 1; i >= 0; i-- {
		set := false
		if bitutil.BitIsSet(valid, off+i) {
			dense--
			set = bitutil.BitIsSet(dst, off+dense)
		}
		bitutil.SetBitTo(dst, off+i, set)
	}
}
