package parquet

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

// dataset is what planning needs to know of all files: the schema they share
// and, of each, little more than the sizes and times of its row groups.
type dataset struct {
	files  []member
	schema *arrow.Schema
	types  map[string]arrow.DataType // of the schema
	sum    uint64                    // of all files, in order
}

// member is a file of the data set.
type member struct {
	files.Found
	size   int64
	sum    uint64
	groups []extent
	label  string          // of all rows, where the file or its directory says so
	has    map[string]bool // columns of the file itself; nil if it has all
}

// extent is a row group as far as Cut needs it.
type extent struct {
	rows, bytes int64
	lo, hi      int64
	timed       bool
	done        string // the last of the done-list
}

// shape is the columns of a file.
type shape struct {
	names   []string
	types   []arrow.DataType // nil where unsupported
	reasons []string
}

// plan reads all footers, in parallel, and unites their schemas.
func (s *source) plan(ctx context.Context) (*dataset, error) {
	list, err := s.files.places.Find(ctx, s.settings.paths, "Parquet files")
	if err != nil {
		return nil, err
	}
	if err := files.SetKeys(list, s.settings.hive, s.settings.filename); err != nil {
		return nil, err
	}
	members := make([]member, len(list))
	shapes := make([]*shape, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i := range list {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			f, err := s.files.acquire(ctx, list[i].Path)
			if err != nil {
				return err
			}
			defer s.files.release(f)
			members[i] = member{Found: list[i], size: f.size, sum: f.sum, groups: extents(f, s.env.Time), label: labelOf(f, &list[i])}
			shapes[i] = shapeOf(f)
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	d := &dataset{files: members}
	if err := d.unite(shapes, &s.settings); err != nil {
		return nil, err
	}
	h := xxh3.New()
	for i := range members {
		_, _ = fmt.Fprintf(h, "%s\x00%x\x00", members[i].Path, members[i].sum) // a hash takes everything
	}
	d.sum = h.Sum64()
	return d, nil
}

func extents(f *file, time string) []extent {
	l := f.column(time)
	out := make([]extent, len(f.meta.groups))
	for i := range f.meta.groups {
		g := &f.meta.groups[i]
		lo, hi, ok := timeRange(g, l)
		out[i] = extent{rows: g.rows, bytes: g.bytes, lo: lo, hi: hi, timed: ok}
		if h := f.meta.bound; h != nil && len(h.groups[i].done) > 0 {
			out[i].done = lastDone(h.groups[i].done)
		}
	}
	return out
}

// labelOf guesses the label of a file's rows: from its footer, or from a directory
// that is named as a sink names them.
func labelOf(f *file, at *files.Found) string {
	if f.meta.label != "" {
		return f.meta.label
	}
	for _, k := range at.Keys {
		if k.Name == "label" && !k.Null {
			return k.Value
		}
	}
	return ""
}

func shapeOf(f *file) *shape {
	s := &shape{}
	for i := range f.columns {
		s.names = append(s.names, f.columns[i].name)
		s.types = append(s.types, f.columns[i].typ)
		s.reasons = append(s.reasons, f.columns[i].why)
	}
	return s
}

func (s *shape) equal(o *shape) bool {
	return slices.Equal(s.names, o.names) && slices.EqualFunc(s.types, o.types, sameType)
}

func sameType(a, b arrow.DataType) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return arrow.TypeEqual(a, b)
}

// union collects the columns of the files, in the order in which they appear.
type union struct {
	order   []string
	typ     map[string]arrow.DataType
	reason  map[string]string // why a column is left out
	from    map[string]string // the first file that has the column
	keys    map[string]bool   // those that are directories' keys
	missing error             // the first column that some file lacks
}

// unite makes the schema of the data set, or says which two files disagree.
func (d *dataset) unite(shapes []*shape, s *settings) error {
	u := &union{typ: map[string]arrow.DataType{}, reason: map[string]string{}, from: map[string]string{}, keys: map[string]bool{}}
	u.addKeys(d.files)
	first := shapes[0]
	for i, sh := range shapes {
		if i > 0 && sh.equal(first) {
			continue
		}
		if s.filename != "" && slices.Contains(sh.names, s.filename) {
			return files.NameTaken(s.filename, d.files[i].Path)
		}
		if err := u.add(d.files[i].Path, sh); err != nil {
			return err
		}
	}
	for i, sh := range shapes {
		if err := u.complete(&d.files[i], sh, i == 0 || sh.equal(first)); err != nil && !s.unionByName {
			return err
		}
	}
	return d.project(u, s.columns)
}

// addKeys adds the keys of the directories: whole numbers if all values are.
func (u *union) addKeys(files []member) {
	for i := range files {
		for _, k := range files[i].Keys {
			if !u.keys[k.Name] {
				u.keys[k.Name] = true
				u.order = append(u.order, k.Name)
				u.from[k.Name] = files[i].Path
				u.typ[k.Name] = arrow.PrimitiveTypes.Int64
			}
			if _, err := strconv.ParseInt(k.Value, 10, 64); err != nil && !k.Null {
				u.typ[k.Name] = arrow.BinaryTypes.String
			}
		}
	}
}

// add adds the columns of a file. A directory's key hides a column of its name.
func (u *union) add(path string, s *shape) error {
	seen := map[string]bool{}
	for i, name := range s.names {
		if seen[name] {
			return fault.New(fault.Invalid, "%s: there are two columns %q", path, name)
		}
		seen[name] = true
		if u.keys[name] {
			continue
		}
		if _, ok := u.from[name]; !ok {
			u.from[name] = path
			u.order = append(u.order, name)
			u.typ[name], u.reason[name] = s.types[i], s.reasons[i]
			continue
		}
		if !sameType(u.typ[name], s.types[i]) {
			return fault.New(fault.Invalid, "column %q is %s in %s and %s in %s",
				name, spellType(u.typ[name], u.reason[name]), u.from[name], spellType(s.types[i], s.reasons[i]), path)
		}
	}
	return nil
}

func spellType(dt arrow.DataType, why string) string {
	if dt == nil {
		return "left out (" + why + ")"
	}
	return typeName(dt)
}

// complete records which columns a file lacks, and reports the first.
func (u *union) complete(m *member, s *shape, likeFirst bool) error {
	have := len(s.names) + len(m.Keys)
	if likeFirst && have == len(u.order) {
		return nil
	}
	m.has = map[string]bool{}
	for _, name := range s.names {
		m.has[name] = true
	}
	for _, name := range u.order {
		if m.has[name] && !u.keys[name] || slices.ContainsFunc(m.Keys, func(k files.Key) bool { return k.Name == name }) {
			continue
		}
		if u.missing == nil {
			u.missing = fault.New(fault.Invalid, "column %q of %s is missing in %s (union_by_name: true makes it null there)",
				name, u.from[name], m.Path)
		}
	}
	return u.missing
}

// noteKey is the prefix of the schema metadata that says, for a column that
// was left out, why.
const noteKey = "left_out:"

// project makes the schema: the columns asked for, or all that are supported.
func (d *dataset) project(u *union, columns []string) error {
	// Directories' keys come last, as other engines have it.
	slices.SortStableFunc(u.order, func(a, b string) int { return rank(u.keys[a]) - rank(u.keys[b]) })
	var fields []arrow.Field
	note := map[string]string{}
	d.types = map[string]arrow.DataType{}
	for _, name := range u.order {
		if u.typ[name] == nil {
			note[noteKey+name] = u.reason[name]
			continue
		}
		fields = append(fields, arrow.Field{Name: name, Type: u.typ[name], Nullable: true})
		d.types[name] = u.typ[name]
	}
	if len(columns) > 0 {
		fields = fields[:0]
		for _, name := range columns {
			dt, ok := d.types[name]
			if !ok {
				return unknownColumn(name, note[noteKey+name], u.order, d.files[0].Path)
			}
			fields = append(fields, arrow.Field{Name: name, Type: dt, Nullable: true})
		}
	}
	meta := arrow.MetadataFrom(note)
	d.schema = arrow.NewSchema(fields, &meta)
	return nil
}

func rank(key bool) int {
	if key {
		return 1
	}
	return 0
}

func unknownColumn(name, why string, have []string, path string) error {
	if why != "" {
		return fault.New(fault.Invalid, "%s: column %q cannot be read: %s", path, name, why)
	}
	return fault.New(fault.Invalid, "%s: there is no column %q; there are %s", path, name, strings.Join(have, ", "))
}

// constants are the columns that a file has one value of.
func (d *dataset) constants(m *member) []constant {
	var out []constant
	for _, k := range m.Keys {
		c := constant{Name: k.Name, Type: typeName(d.types[k.Name])}
		if !k.Null {
			c.Value = &k.Value
		}
		out = append(out, c)
	}
	if m.has == nil {
		return out
	}
	for name, dt := range d.types {
		if !m.has[name] && !slices.ContainsFunc(out, func(c constant) bool { return c.Name == name }) {
			out = append(out, constant{Name: name, Type: typeName(dt)})
		}
	}
	slices.SortFunc(out, func(a, b constant) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// lastDone is the last digest of a done-list: columns that were left out stand behind.
func lastDone(list []string) string {
	for _, s := range slices.Backward(list) {
		if !strings.HasPrefix(s, "without:") {
			return s
		}
	}
	return ""
}
