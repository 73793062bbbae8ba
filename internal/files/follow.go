package files

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
)

// follower finds the files that come into a growing directory. A file is taken
// once it is complete, which is when it has not changed for some time; files
// that are found complete at once are taken in the order in which they were
// last changed, then by name.
//
// What was taken is known by name, not by time: a file that is moved in late
// and brings an old time is taken like any other. The names stand in a journal,
// in the order of taking, so that an offset is a number of files, and a resumed
// run knows all of them. A file that has gone is forgotten by those who look,
// not by the journal: if its name comes again, that is another file.
type follower struct {
	places  *Places
	paths   []string
	lines   bool // files may grow by lines
	settle  time.Duration
	poll    time.Duration
	journal journal
	now     func() time.Time

	taken map[string]entry    // by path, of the files that are there
	young map[string]sighting // files that may not be complete yet
	last  time.Time           // when it last looked
	next  time.Time           // when to look again
	watch *watcher            // nil: nobody tells when something comes
}

// entry is a file in the journal, or what a file in it has grown by.
type entry struct {
	Path string `json:"path"`
	From int64  `json:"from,omitempty"` // what was taken before
	stamp
	Tag  string  `json:"tag,omitempty"` // changes when another file takes the name
	Pack packing `json:"pack,omitempty"`
	Keys []Key   `json:"keys,omitempty"`

	object *stamp
}

// sighting is a file that was seen, and since when it has been as it is.
type sighting struct {
	stamp
	since time.Time
}

// leastPause is how long it waits between two looks, however much happens.
const leastPause = 50 * time.Millisecond

// found says what has come into the directory since the last call, complete and
// in order, and writes it into the journal. Between two looks, which are poll
// apart unless the system tells of a change, it answers at once.
func (f *follower) found(ctx context.Context) ([]entry, error) {
	now := f.now()
	if now.Before(f.next) && (now.Sub(f.last) < leastPause || !f.watch.changed()) {
		return nil, nil
	}
	f.last, f.next = now, now.Add(f.poll)
	list, err := f.list(ctx)
	if err != nil {
		return nil, err
	}
	var out []entry
	for _, e := range list {
		if !f.complete(&e, now) {
			continue
		}
		if err := f.inspect(ctx, &e); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	f.forget(list)
	slices.SortFunc(out, func(a, b entry) int { return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.Path, b.Path)) })
	if err := f.journal.add(out); err != nil {
		return nil, err
	}
	f.know(out)
	return out, nil
}

// know notes that files are taken.
func (f *follower) know(list []entry) {
	for _, e := range list {
		f.taken[e.Path] = e
		delete(f.young, e.Path)
	}
}

// list returns the files that are there now, sorted by path, From being how much
// of one was taken before.
func (f *follower) list(ctx context.Context) ([]entry, error) {
	var all []Found
	for _, p := range f.paths {
		list, err := f.places.list(ctx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	var out []entry
	for i := range all {
		path := all[i].Path
		if unfinished(path) {
			continue
		}
		s, tag, err := f.places.stat(all[i])
		switch {
		case errors.Is(err, fs.ErrNotExist): // it has gone meanwhile
			continue
		case err != nil:
			return nil, err
		}
		out = append(out, entry{Path: path, stamp: s, Tag: tag, Keys: all[i].Keys, object: all[i].object})
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(out, func(a, b entry) bool { return a.Path == b.Path }), nil
}

// complete reports whether a file is to be taken now, and from where.
func (f *follower) complete(e *entry, now time.Time) bool {
	if was, ok := f.taken[e.Path]; ok && was.Tag == e.Tag && e.Size >= was.Size {
		if e.Size == was.Size {
			return false
		}
		e.From = was.Size
	}
	if e.Size == 0 {
		return false
	}
	s, seen := f.young[e.Path]
	if !seen || s.stamp != e.stamp {
		s = sighting{stamp: e.stamp, since: now}
		f.young[e.Path] = s
	}
	wait := f.settle - max(now.Sub(s.since), now.Sub(time.Unix(0, e.Time)))
	if at := now.Add(wait); wait > 0 && at.Before(f.next) {
		f.next = at
	}
	return wait <= 0
}

// inspect finds out how a new file is packed. A file that has grown since it was
// taken goes on where a line began, or it was taken too early.
func (f *follower) inspect(ctx context.Context, e *entry) error {
	if e.From == 0 {
		m := member{Found: Found{Path: e.Path}, stamp: e.stamp}
		err := m.look(ctx, f.places)
		e.Pack = m.pack
		return err
	}
	was := f.taken[e.Path]
	if !f.lines || was.Pack != plain {
		return fault.New(fault.Invalid, "%s: the file has grown from %d bytes to %d after it was taken for complete (a longer settle waits longer)",
			e.Path, e.From, e.Size)
	}
	h, err := f.places.Open(ctx, e.Path)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	var last [1]byte
	if _, err := (&section{path: e.Path, r: h, pos: e.From - 1, to: e.Size}).Read(last[:]); err != nil {
		return err
	}
	if last[0] != '\n' {
		return fault.New(fault.Invalid, "%s: the line that ended at byte %d has grown after the file was taken for complete (a longer settle waits longer)",
			e.Path, e.From)
	}
	return nil
}

// forget drops what is known of files that have gone.
func (f *follower) forget(list []entry) {
	there := make(map[string]bool, len(list))
	for _, e := range list {
		there[e.Path] = true
	}
	gone := func(path string) bool { return !there[path] }
	for path := range f.taken {
		if gone(path) {
			delete(f.taken, path)
		}
	}
	for path := range f.young {
		if gone(path) {
			delete(f.young, path)
		}
	}
}

// unfinished reports whether a file bears a name that programs give to what they
// are still writing.
func unfinished(path string) bool {
	name := strings.ToLower(filepath.Base(path))
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	for _, ext := range []string{".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".swp", "~"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

// fitting checks that the directories of a file that has come make the columns
// that the job was planned with.
func fitting(e Found, columns []arrow.Field) error {
	for _, k := range e.Keys {
		i := slices.IndexFunc(columns, func(c arrow.Field) bool { return c.Name == k.Name })
		if i < 0 {
			return fault.New(fault.Invalid, "%s: its directory makes a column %q, which was not there when the job was planned", e.Path, k.Name)
		}
		if _, err := strconv.ParseInt(k.Value, 10, 64); err != nil && !k.Null && columns[i].Type.ID() == arrow.INT64 {
			return fault.New(fault.Invalid, "%s: its directory says %s=%s, and all values of %q were whole numbers when the job was planned",
				e.Path, k.Name, k.Value, k.Name)
		}
	}
	return nil
}

// planFollowing learns the columns from the journal of the run that goes on or,
// for a new one, from the files that are there, of which there may be none.
func (s *Source) planFollowing(ctx context.Context) (*dataset, error) {
	rows, keys, err := s.follow.journal.schema()
	if err != nil {
		return nil, err
	}
	d := &dataset{rows: rows, keys: keys}
	list, err := s.follow.present(ctx)
	if err != nil {
		return nil, err
	}
	if now, err := s.planFiles(ctx, list); rows == nil {
		if err != nil {
			return nil, err
		}
		d.rows, d.keys, d.width = now.rows, now.keys, now.width
	}
	d.schema = withKeys(d.rows, d.keys)
	d.sums = fingerprints(nil)
	past, err := s.follow.journal.load()
	if err != nil {
		return nil, err
	}
	s.follow.know(past)
	return d, s.grow(ctx, d, past)
}

// present lists the files that are there and hold something.
func (f *follower) present(ctx context.Context) ([]Found, error) {
	list, err := f.list(ctx)
	if err != nil {
		return nil, err
	}
	var out []Found
	for _, e := range list {
		if e.Size > 0 {
			out = append(out, Found{Path: e.Path, Keys: e.Keys, object: e.object})
		}
	}
	return out, nil
}

// advance takes what has come since the last cut. The first look is for a job
// that runs: planning alone leaves no trace.
func (s *Source) advance(ctx context.Context, d *dataset) error {
	f := s.follow
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.last.IsZero() {
		if err := f.journal.saveSchema(d.rows, d.keys); err != nil {
			return err
		}
		f.watch = watch(f.paths)
	}
	list, err := f.found(ctx)
	if err != nil {
		return err
	}
	return s.grow(ctx, d, list)
}

// grow adds files to those that are read.
func (s *Source) grow(ctx context.Context, d *dataset, list []entry) error {
	for _, e := range list {
		m := member{Found: Found{Path: e.Path}, stamp: e.stamp, from: e.From, pack: e.Pack, checked: true}
		if s.settings.hive {
			m.Keys = e.Keys
			if err := fitting(m.Found, d.keys); err != nil {
				return err
			}
		}
		d.files = append(d.files, m)
		d.sums = append(d.sums, chain(d.sums[len(d.sums)-1], m.Path, m.stamp))
	}
	return ctx.Err()
}
