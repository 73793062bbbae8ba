package files

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/idag/idag/internal/fault"
)

// What inference reads: the beginnings of a few files from all over the list,
// so that what changed with time shows.
const (
	sampleFiles = 8
	sampleBytes = 4 << 20  // of all of them together
	maxLine     = 16 << 20 // a first line beyond the sample
)

// sample reads the heads of some files and estimates the width of rows.
func (d *dataset) sample(ctx context.Context, l *Places, lines bool) ([]Head, error) {
	n := min(len(d.files), sampleFiles)
	var out []Head
	var stored, rows float64
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := &d.files[i*len(d.files)/n]
		if err := m.look(ctx, l); err != nil {
			return nil, err
		}
		h, taken, err := m.head(ctx, l, sampleBytes/n, lines)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
		stored += float64(taken)
		rows += float64(max(1, bytes.Count(h.Data, []byte{'\n'})))
	}
	if rows > 0 {
		d.width = max(1, stored/rows)
	}
	return out, nil
}

// look finds out how the file is packed.
func (m *member) look(ctx context.Context, l *Places) error {
	if m.checked {
		return nil
	}
	f, err := l.Open(ctx, m.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, min(m.Size, magicBytes))
	if _, err := io.ReadFull(&section{path: m.Path, r: f, to: m.Size}, head); err != nil {
		return err
	}
	if m.pack, err = packingOf(m.Path, head); err != nil {
		return err
	}
	m.checked = true
	return nil
}

// head reads the beginning of the file, and says how much of it that took as it
// is stored. What is broken behind the beginning is found when rows are read.
func (m *member) head(ctx context.Context, l *Places, size int, lines bool) (Head, int64, error) {
	f, err := l.Open(ctx, m.Path)
	if err != nil {
		return Head{}, 0, err
	}
	defer func() { _ = f.Close() }()
	raw := &section{path: m.Path, r: f, to: m.Size}
	u := &unpacker{path: m.Path, pack: m.pack, in: raw}
	defer func() { _ = u.Close() }()
	h := Head{Path: m.Path}
	for limit := size; ; limit = maxLine {
		more, err := io.ReadAll(io.LimitReader(u, int64(limit-len(h.Data))))
		h.Data = append(h.Data, more...)
		h.All = err == nil && len(h.Data) < limit
		if err != nil && (len(h.Data) == 0 || fault.Of(err) != fault.Invalid) {
			return Head{}, 0, err
		}
		if h.All || !lines {
			return h, raw.pos, nil
		}
		if end := bytes.LastIndexByte(h.Data, '\n'); end >= 0 {
			share := float64(end+1) / float64(len(h.Data))
			h.Data = h.Data[:end+1]
			return h, int64(share * float64(raw.pos)), nil
		}
		if err != nil || limit == maxLine {
			return Head{}, 0, errors.Join(err, fault.New(fault.Invalid, "%s: the first line has more than %d bytes", m.Path, len(h.Data)))
		}
	}
}
