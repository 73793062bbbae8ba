package jobfile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/rdd"
)

// Format returns a job file that parses to a job equal to job, places and the
// names of unnamed datasets and of sinks aside. Chains of operations become one dataset; a
// dataset that several others use, or that has a name, ends one. Secrets are hidden.
func Format(job *rdd.Job) []byte { return (&formatter{job: job}).format() }

// Reveal is Format with the values of secrets: for another process, not for people.
func Reveal(job *rdd.Job) []byte { return (&formatter{job: job, reveal: true}).format() }

func (f *formatter) format() []byte {
	job := f.job
	f.line(0, "job: "+quote(job.Name))
	f.line(0, "labels: "+flow(job.Labels))
	if s := settings(job.Settings); len(s) > 0 {
		f.line(0, "settings: "+flow(s))
	}
	if d := f.deadOf(job.Dead); len(d) > 0 {
		f.line(0, "deadletter: "+flow(d))
	}
	f.count()
	chains := f.chains(false)
	inline := f.inOrder(chains) && job.Schedule == nil
	if !inline {
		chains = f.chains(true)
		inline = f.inOrder(chains) && job.Schedule == nil
	}
	f.baptize(chains)
	f.schedule()
	f.line(0, "datasets:")
	for _, c := range chains {
		f.chain(c, inline)
	}
	if !inline {
		f.sinks()
	}
	return []byte(f.out.String())
}

// entry is one entry of a mapping to be written.
type entry struct {
	key   string
	value any // string, []string, entries, or a list of entries
}

type entries []entry

// formatter is the state of one Format.
type formatter struct {
	job    *rdd.Job
	reveal bool
	out    strings.Builder
	users  map[*rdd.Dataset]int // how many operations, writes aside, use a dataset
	writes map[*rdd.Dataset][]*rdd.Dataset
	names  map[*rdd.Dataset]string // of the last dataset of each chain, and of sinks that are scheduled apart
	taken  map[string]bool
}

func (f *formatter) line(indent int, text string) {
	f.out.WriteString(strings.Repeat(" ", indent) + text + "\n")
}

func isWrite(d *rdd.Dataset) bool {
	_, ok := d.Op().(rdd.Write)
	return ok
}

func (f *formatter) count() {
	f.users, f.writes = map[*rdd.Dataset]int{}, map[*rdd.Dataset][]*rdd.Dataset{}
	for _, d := range f.job.Datasets() {
		for _, p := range d.Parents() {
			if isWrite(d) {
				f.writes[p] = append(f.writes[p], d)
				continue
			}
			f.users[p]++
		}
	}
}

// chains cuts the job into runs of operations, each the sole user of the one
// before it, parents first; with atWrites also behind what is written.
func (f *formatter) chains(atWrites bool) [][]*rdd.Dataset {
	var out [][]*rdd.Dataset
	at := map[*rdd.Dataset]int{}
	for _, d := range f.job.Datasets() {
		if isWrite(d) {
			continue
		}
		_, union := d.Op().(rdd.Union)
		_, join := d.Op().(rdd.Join)
		if ps := d.Parents(); !union && (len(ps) == 1 || join && len(ps) == 2) && f.goesOn(ps[0], atWrites) {
			at[d] = at[ps[0]]
			out[at[d]] = append(out[at[d]], d)
			continue
		}
		at[d] = len(out)
		out = append(out, []*rdd.Dataset{d})
	}
	return out
}

// goesOn reports whether the chain that d is in may go on behind it.
func (f *formatter) goesOn(d *rdd.Dataset, atWrites bool) bool {
	return d.Name() == "" && f.users[d] == 1 && (!atWrites || f.writes[d] == nil)
}

// baptize names the chains.
func (f *formatter) baptize(chains [][]*rdd.Dataset) {
	f.names, f.taken = map[*rdd.Dataset]string{}, map[string]bool{}
	for _, c := range chains {
		if n := c[len(c)-1].Name(); n != "" && !f.taken[n] {
			f.names[c[len(c)-1]], f.taken[n] = n, true
		}
	}
	for _, c := range chains {
		if last := c[len(c)-1]; f.names[last] == "" {
			f.names[last] = f.fresh("d")
		}
	}
}

// schedule writes which sinks are scheduled, under the names that they get here.
func (f *formatter) schedule() {
	if f.job.Schedule == nil {
		return
	}
	var names []string
	for _, s := range f.job.Sinks {
		name := s.Name()
		if name == "" || f.taken[name] {
			name = f.fresh("out")
		}
		f.names[s], f.taken[name] = name, true
		if f.job.Scheduled(s) {
			names = append(names, name)
		}
	}
	f.line(0, "schedule: "+flow(names))
}

// fresh returns a name that is not taken yet.
func (f *formatter) fresh(prefix string) string {
	for i := 1; ; i++ {
		if n := prefix + strconv.Itoa(i); !f.taken[n] {
			f.taken[n] = true
			return n
		}
	}
}

// inOrder reports whether the sinks, each written in its parent's chain, come
// in the order of the job.
func (f *formatter) inOrder(chains [][]*rdd.Dataset) bool {
	var order []*rdd.Dataset
	for _, c := range chains {
		for _, d := range c {
			order = append(order, f.writes[d]...)
		}
	}
	return slices.Equal(order, f.job.Sinks)
}

func (f *formatter) chain(c []*rdd.Dataset, inline bool) {
	f.line(2, quote(f.names[c[len(c)-1]])+":")
	var as rdd.LabelSet
	for i, d := range c {
		if _, read := d.Op().(rdd.Read); i == 0 && !read {
			f.parents(d)
		}
		f.step(d, as)
		if l := d.Result(); l != 0 {
			as = l
		}
		if !inline {
			continue
		}
		for _, w := range f.writes[d] {
			f.step(w, as)
		}
	}
}

// sinks gives every sink a dataset of its own, in the order of the job.
func (f *formatter) sinks() {
	for _, s := range f.job.Sinks {
		name := f.names[s]
		if name == "" {
			name = f.fresh("out")
		}
		f.line(2, quote(name)+":")
		f.parents(s)
		f.step(s, 0)
	}
}

func (f *formatter) parents(d *rdd.Dataset) {
	names := make([]string, len(d.Parents()))
	for i, p := range d.Parents() {
		names[i] = f.names[p]
	}
	if _, union := d.Op().(rdd.Union); union {
		f.line(4, "- union: "+flow(names))
		return
	}
	f.line(4, "- from: "+quote(names[0]))
}

// step writes one operation; as is the label of the last reduce or join before it
// in the chain.
func (f *formatter) step(d *rdd.Dataset, as rdd.LabelSet) {
	var e entries
	switch op := d.Op().(type) {
	case rdd.Union:
		return
	case rdd.Cache:
		f.line(4, "- cache: {}")
		return
	case rdd.Read:
		e = entries{{op.Connector, f.options(op.Options)}}.and("trust", op.Trust).and("at", op.Site)
	case rdd.Tag:
		e = f.tag(op)
	case rdd.Map:
		e = f.labels("for", op.For).and("set", assigns(op.Set)).and("drop", op.Drop)
	case rdd.Filter:
		e = f.labels("for", op.For).and("where", op.Where)
	case rdd.FlatMap:
		if op.Explode != "" {
			e = f.exploded(op)
			break
		}
		rows := make([]entries, len(op.Rows))
		for i, r := range op.Rows {
			rows[i] = assigns(r)
		}
		e = append(f.labels("for", op.For), entry{"rows", rows})
	case rdd.Apply:
		var columns entries
		for _, name := range slices.Sorted(maps.Keys(op.Columns)) {
			columns = append(columns, entry{name, op.Columns[name]})
		}
		e = f.labels("for", op.For).and("func", op.Func).and("columns", columns)
	case rdd.Broadcast:
		var columns entries
		for _, c := range op.Columns {
			columns = append(columns, entry{c.Name, typeName(c.Type)})
		}
		e = append(f.labels("for", op.For), entry{"of", op.Of}).and("columns", columns)
	case rdd.Window:
		e = f.labels("for", op.For).and("time", op.Time)
		switch {
		case op.Gap != 0:
			e = e.and("session", spell(op.Gap))
		case op.Slide != 0:
			e = e.and("size", spell(op.Size)).and("slide", spell(op.Slide))
		default:
			e = e.and("tumbling", spell(op.Size))
		}
	case rdd.Shuffle:
		e = f.labels("from", op.From).and("by", op.Keys)
	case rdd.Reduce:
		e = f.labels("from", op.From).and("by", op.By).and("get", assigns(op.Get))
		e = append(e, f.labels("as", op.As)...)
	case rdd.Join:
		other := ""
		if ps := d.Parents(); len(ps) > 1 {
			other = f.names[ps[1]]
		}
		e = f.join(op, other)
	case rdd.Distinct, rdd.Sort, rdd.Limit, rdd.Sample:
		e = f.ranked(op)
	case rdd.Write:
		e = entries{{op.Connector, f.options(op.Options)}}
		if op.From == 0 && as != 0 {
			e = append(e, entry{"from", all})
		}
		e = append(e, f.labels("from", op.From)...).and("columns", op.Columns)
	}
	f.line(4, "- "+d.Op().Kind()+": "+flow(e))
}

func (f *formatter) tag(t rdd.Tag) entries {
	e := entries{}.and("column", t.Column)
	var values entries
	for _, k := range slices.Sorted(maps.Keys(t.Values)) {
		values = append(values, entry{k, f.name(t.Values[k])})
	}
	e = e.and("values", values)
	var rules []entries
	for _, r := range t.Rules {
		rules = append(rules, entries{{"label", f.name(r.Label)}, {"when", r.When}})
	}
	if rules != nil {
		e = append(e, entry{"rules", rules})
	}
	if t.Exclusive {
		e = append(e, entry{"exclusive", "true"})
	}
	e = append(e, f.labels("otherwise", t.Otherwise)...)
	return e.and("identity", t.Identity).and("time", t.Time).and("hash", t.HashColumn).and("seq", t.SeqColumn)
}

func (f *formatter) name(s rdd.LabelSet) string {
	if i := s.First(); i >= 0 && i < len(f.job.Labels) {
		return f.job.Labels[i]
	}
	return ""
}

// labels is the entry of a label set, or none for the empty one.
func (f *formatter) labels(key string, s rdd.LabelSet) entries {
	var names []string
	for _, i := range s.Each() {
		if i < len(f.job.Labels) {
			names = append(names, f.job.Labels[i])
		}
	}
	if len(names) == 1 {
		return entries{{key, names[0]}}
	}
	return entries{}.and(key, names)
}

// and returns e with another entry, unless the value is empty.
func (e entries) and(key string, value any) entries {
	empty := false
	switch v := value.(type) {
	case string:
		empty = v == ""
	case []string:
		empty = len(v) == 0
	case entries:
		empty = len(v) == 0
	}
	if empty {
		return e
	}
	return append(e, entry{key, value})
}

func assigns(list []rdd.Assign) entries {
	var e entries
	for _, a := range list {
		e = append(e, entry{a.Column, a.Expr})
	}
	return e
}

func (f *formatter) options(o rdd.Options) entries {
	var e entries
	for _, k := range slices.Sorted(maps.Keys(o)) {
		switch v := o[k].(type) {
		case rdd.Secret:
			text := v.String()
			if f.reveal {
				text = string(v)
			}
			e = append(e, entry{k, text})
		case map[string]any:
			var list entries
			for _, name := range slices.Sorted(maps.Keys(v)) {
				list = append(list, entry{name, fmt.Sprint(v[name])})
			}
			e = append(e, entry{k, list})
		case []string:
			e = append(e, entry{k, v})
		case []any:
			texts := make([]string, len(v))
			for i := range v {
				texts[i] = fmt.Sprint(v[i])
			}
			e = append(e, entry{k, texts})
		case map[string]string:
			var list entries
			for _, name := range slices.Sorted(maps.Keys(v)) {
				list = append(list, entry{name, v[name]})
			}
			e = append(e, entry{k, list})
		case time.Duration:
			e = append(e, entry{k, v.String()})
		default:
			e = append(e, entry{k, fmt.Sprint(v)})
		}
	}
	return e
}

func settings(s rdd.Settings) entries {
	var e entries
	number := func(key string, v int64) {
		if v != 0 {
			e = append(e, entry{key, strconv.FormatInt(v, 10)})
		}
	}
	number("batch_rows", s.BatchRows)
	number("batch_bytes", s.BatchBytes)
	number("in_flight", int64(s.InFlight))
	if s.Lateness != 0 {
		e = append(e, entry{"lateness", spell(s.Lateness)})
	}
	number("key_groups", int64(s.KeyGroups))
	number("frame_rows", int64(s.FrameRows))
	number("memory", s.Memory)
	if s.CheckpointEvery != 0 {
		e = append(e, entry{"checkpoint_every", spell(s.CheckpointEvery)})
	}
	if s.BatchWait != 0 {
		e = append(e, entry{"batch_wait", spell(s.BatchWait)})
	}
	return e
}

// spell spells a duration in the largest unit that divides it.
func spell(d time.Duration) string {
	if d == 0 {
		return ""
	}
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		if n := d / u.size; d%u.size == 0 && n == 1 {
			return "1 " + u.name
		} else if d%u.size == 0 {
			return fmt.Sprintf("%d %ss", n, u.name)
		}
	}
	return d.String()
}

// exploded spells a FlatMap over the elements of an array or a map.
func (f *formatter) exploded(op rdd.FlatMap) entries {
	e := f.labels("for", op.For).and("explode", op.Explode).and("as", op.As).and("position", op.Position)
	if op.Outer {
		e = append(e, entry{"outer", "true"})
	}
	return e
}
