package csv

import "bytes"

// typed returns field j of row r, to be read as a number or a time: without
// quotes and without spaces around it. There is none if it is empty or says
// null. It is lent until the next call.
func (t *tokens) typed(r, j int) (v []byte, ok bool) {
	start, end := t.span(r, j)
	if start >= end {
		return nil, false
	}
	v = t.data[start:end]
	if int(v[0]) == t.quote || v[0] <= ' ' || v[len(v)-1] <= ' ' || t.nulls != nil {
		return t.cleaned(v)
	}
	return v, true
}

func (t *tokens) cleaned(v []byte) ([]byte, bool) {
	if int(v[0]) == t.quote {
		v = t.unquoted(v)
	}
	v = bytes.TrimSpace(v)
	return v, len(v) > 0 && !t.isNull(v)
}

// text returns field j of row r as a text. There is none if it is missing or,
// without quotes, says null. It is lent until the next call.
func (t *tokens) text(r, j int) (v []byte, ok bool) {
	start, end := t.span(r, j)
	if start >= end {
		return nil, start == end && !t.blank
	}
	v = t.data[start:end]
	if int(v[0]) == t.quote {
		return t.unquoted(v), true
	}
	if t.trim {
		if v = bytes.TrimSpace(v); len(v) == 0 {
			return nil, !t.blank
		}
	}
	return v, t.nulls == nil || !t.isNull(v)
}

func (t *tokens) isNull(v []byte) bool {
	for _, s := range t.nulls {
		if string(v) == s {
			return true
		}
	}
	return false
}

// unquoted returns what stands between the quotes of v, which begins with one,
// with escapes undone. It is lent until the next call.
func (t *tokens) unquoted(v []byte) []byte {
	v = v[1 : len(v)-1]
	if t.escape == none || bytes.IndexByte(v, byte(t.escape)) < 0 {
		return v
	}
	t.buf = t.buf[:0]
	for i := 0; i < len(v); i++ {
		if int(v[i]) == t.escape && i+1 < len(v) && (int(v[i+1]) == t.quote || int(v[i+1]) == t.escape) {
			i++
		}
		t.buf = append(t.buf, v[i])
	}
	return t.buf
}
