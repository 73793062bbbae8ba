package files

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
)

// Source reads files of one format. It has the methods of connectors.Source,
// which may be called at the same time.
type Source struct {
	name     string // of the connector
	format   Format
	settings settings
	schema   *arrow.Schema // of a run that goes on, or nil
	headers  headers
	places   Places

	mu     sync.Mutex
	data   *dataset  // nil until the first Schema, Cut or Read
	follow *follower // nil where nothing is followed
	cuts   sync.Mutex
}

// NewSource makes the source of the connector called name. The options are
// those of connectors.FileFields, checked; files are not looked at before they
// are needed.
func NewSource(name string, o rdd.Options, env Env, f Format) (*Source, error) {
	s, err := readSettings(name, o)
	if err != nil {
		return nil, err
	}
	out := &Source{name: name, format: f, settings: s, schema: env.Schema, headers: headers{first: map[header][]byte{}}}
	if s.paths, err = out.places.Add(s.paths); err != nil {
		return nil, err
	}
	out.settings.paths = s.paths
	if s.follow {
		out.follow = &follower{
			places: &out.places, paths: s.paths, lines: f.Lines(), settle: s.settle, poll: s.poll, journal: journal{env.State}, now: time.Now,
			taken: map[string]entry{}, young: map[string]sighting{},
		}
	}
	return out, nil
}

// dataset is what planning needs to know of all files.
type dataset struct {
	files  []member
	keys   []arrow.Field // columns that directories make
	rows   *arrow.Schema // of the files themselves
	schema *arrow.Schema // of both
	width  float64       // bytes of a row as it is stored, estimated
	sums   []uint64      // see fingerprints
}

// member is a file of the data set, as it was when the source first saw it.
type member struct {
	Found
	stamp
	from    int64 // what comes before was another member's
	pack    packing
	checked bool // pack is known
}

// planned returns the data set, which the first call looks for. A call that
// failed is tried anew.
func (s *Source) planned(ctx context.Context) (*dataset, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		d, err := s.plan(ctx)
		if err != nil {
			return nil, err
		}
		s.data = d
	}
	return s.data, nil
}

func (s *Source) plan(ctx context.Context) (*dataset, error) {
	if s.follow != nil {
		return s.planFollowing(ctx)
	}
	list, err := s.places.Find(ctx, s.settings.paths, s.name+" files")
	if err != nil {
		return nil, err
	}
	d, err := s.planFiles(ctx, list)
	if err == nil {
		d.sums = fingerprints(d.files)
	}
	return d, err
}

// planFiles finds out what rows the files have.
func (s *Source) planFiles(ctx context.Context, list []Found) (*dataset, error) {
	if err := SetKeys(list, s.settings.hive, s.settings.filename); err != nil {
		return nil, err
	}
	d := &dataset{files: make([]member, len(list))}
	for i := range list {
		m := &d.files[i]
		m.Found = list[i]
		var err error
		if m.stamp, _, err = s.places.stat(list[i]); err != nil {
			return nil, err
		}
	}
	d.keys = keyColumns(list)
	if !s.settings.union {
		if err := missingKey(list, d.keys); err != nil {
			return nil, err
		}
	}
	heads, err := d.sample(ctx, &s.places, s.format.Lines())
	if err != nil {
		return nil, err
	}
	// A format learns more from the heads than what it returns: it is asked even
	// where the columns are known already.
	d.rows, err = s.format.Infer(ctx, heads)
	if known := s.recorded(d.keys); known != nil {
		d.rows, err = known, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	if name := s.settings.filename; name != "" && d.rows.HasField(name) {
		return nil, NameTaken(name, strings.Join(s.settings.paths, ", "))
	}
	d.schema = withKeys(d.rows, d.keys)
	return d, nil
}

// recorded is the schema of the rows that the run began with, nil if it is new:
// what files look like by now must not change it.
func (s *Source) recorded(keys []arrow.Field) *arrow.Schema {
	if s.schema == nil {
		return nil
	}
	rows := slices.DeleteFunc(slices.Clone(s.schema.Fields()), func(f arrow.Field) bool {
		return slices.ContainsFunc(keys, func(k arrow.Field) bool { return k.Name == f.Name })
	})
	return arrow.NewSchema(rows, nil)
}

// Schema returns the columns that the format finds in the heads of some files,
// and those that directories make.
func (s *Source) Schema(ctx context.Context) (*arrow.Schema, error) {
	d, err := s.planned(ctx)
	if err != nil {
		return nil, err
	}
	return d.schema, nil
}

// Close ends what the source has running.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.places.Close()
	if s.follow != nil {
		err = errors.Join(err, s.follow.watch.close())
	}
	return err
}
