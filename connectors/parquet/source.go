package parquet

import (
	"context"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
)

// idleFiles is how many files a source keeps open that nobody reads.
const idleFiles = 64

// source reads Parquet files. All methods may be called at the same time.
type source struct {
	settings settings
	env      connectors.Env
	files    *handles
	codecs   *codecs

	mu    sync.Mutex
	data  *dataset // nil until the first Schema or Cut
	units []unit
}

var _ connectors.Source = (*source)(nil)

// openSource checks the options; files are not looked at before they are needed.
func openSource(_ context.Context, o rdd.Options, env connectors.Env) (*source, error) {
	s, err := readSettings(o, connectors.Reading)
	if err != nil {
		return nil, err
	}
	h := newHandles(idleFiles, s.binaryAsString)
	if s.paths, err = h.places.Add(s.paths); err != nil {
		return nil, err
	}
	return &source{settings: s, env: env, files: h, codecs: &codecs{}}, nil
}

// planned returns the data set, which the first call reads. A call that failed
// is tried anew.
func (s *source) planned(ctx context.Context) (*dataset, []unit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		d, err := s.plan(ctx)
		if err != nil {
			return nil, nil, err
		}
		s.data, s.units = d, d.units()
	}
	return s.data, s.units, nil
}

// Schema implements connectors.Source. The schema's metadata says of columns
// that were left out, why.
func (s *source) Schema(ctx context.Context) (*arrow.Schema, error) {
	d, _, err := s.planned(ctx)
	if err != nil {
		return nil, err
	}
	return d.schema, nil
}

// Close implements connectors.Source.
func (s *source) Close() error {
	s.codecs.close()
	return s.files.close()
}
