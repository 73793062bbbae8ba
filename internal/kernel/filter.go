package kernel

import (
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// AppendTrue appends to dst the rows where mask is TRUE, in ascending order. A
// null is not TRUE.
func AppendTrue(dst Sel, mask *array.Boolean) Sel {
	n := mask.Len()
	t, v := truth(mask), validity(mask)
	count := 0
	for w := range words(n) {
		count += bits.OnesCount64(t.word(w) & v.word(w) & lastMask(n, w))
	}
	k := len(dst)
	dst = slices.Grow(dst, count)[:k+count]
	for w := range words(n) {
		x := t.word(w) & v.word(w) & lastMask(n, w)
		row := int32(w << 6)
		out := dst[k:]
		if x == ^uint64(0) {
			for part := range out[:64] {
				out[part] = row + int32(part)
			}
			k += 64
			continue
		}
		out = out[:bits.OnesCount64(x)]
		for j := range out {
			out[j] = row + int32(bits.TrailingZeros64(x))
			x &= x - 1
		}
		k += len(out)
	}
	return dst
}
