package driver

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/internal/eventtime"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/script"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// TestScripts plays testdata/driver against the core. What each script proves
// stands on top of it; the language is that of puppet.handle.
func TestScripts(t *testing.T) {
	script.RunAll(t, "../testdata/driver/*.txt", *rewrite, func() func(testing.TB, *script.Case) string {
		return (&puppet{firsts: map[[2]int]int64{}}).handle
	})
}

// puppet plays events to a core and prints its commands.
type puppet struct {
	core    *core
	nodes   []Node
	history []Planned
	saved   []Checkpointed
	firsts  map[[2]int]int64 // sequence of the next split, by source and partition
	out     strings.Builder
}

// handle plays one command of a script:
//
//	core nodes=N slots=N in_flight=N groups=N rows=N idle=D wait=D dead=PERCENT   input: one stage a line
//	past                        from=B; input: one batch a line: id committed? split …
//	checkpoint B                parts=N watermark=N rows=N; of the past
//	start                       epoch=N committed=B saves=1 parts=N elastic=1
//	nodes NAME …                name, then perhaps :slots, @since and, of one to be left, !
//	slice                       input: one source a line: source split … ended?
//	logged
//	done B.S.I                  attempt=N rows=N blocks=outlet/group,… times=part:max,… staged=sink,…
//	done B.S.*                  the same for every task of the stage that is out
//	fail B.S.I KIND             attempt=N missing=S.I,… (of all outlets and groups)
//	published B sink=N
//	saved B.S.I                 fails=KIND; B.S.* for all parts
//	moved S.P                   fails=KIND
//	restored
//	tidied
//	broke cut|log|publish|restore|tidy KIND  batch=N sink=N
//	tick D
//	stop
//
// A split is partition:rows, or partition:~bytes where the source does not count rows, then perhaps [min,max] of its event times, then
// perhaps ! if it is its partition's last.
func (p *puppet) handle(t testing.TB, c *script.Case) string {
	p.out.Reset()
	switch c.Cmd {
	case "core":
		p.build(t, c)
	case "past":
		p.past(t, c)
	case "checkpoint":
		p.checkpoint(t, c)
	case "start":
		p.history = slices.Clip(p.history)
		e := started{nodes: p.nodes, epoch: int64(c.Int(t, "epoch", 1)), history: p.history, committed: rdd.BatchID(c.Int(t, "committed", 0)),
			saves: c.Int(t, "saves", 0) > 0, checkpoints: p.saved}
		e.story.Parts, e.elastic = c.Int(t, "parts", 0), c.Int(t, "elastic", 0) > 0
		e.moves = e.elastic
		e.rows = int64(e.committed) * 10
		p.step(e)
	case "nodes":
		p.step(nodesChanged{p.fleet(t, c)})
	case "slice":
		p.step(p.slices(t, c.Input))
	case "logged":
		p.step(logged{})
	case "done":
		for _, ref := range p.refs(t, c) {
			r := p.receipt(t, c, ref)
			p.step(taskDone{ref: ref, receipt: &r})
		}
	case "fail":
		for _, ref := range p.refs(t, c) {
			p.step(taskFailed{ref: ref, err: p.missing(t, c, ref, failure(t, c.Args[1].Key))})
		}
	case "published":
		p.step(published{batch: rdd.BatchID(number(t, c.Args[0].Key)), sink: c.Int(t, "sink", 0)})
	case "broke":
		op := map[string]operation{"cut": opCut, "log": opLog, "publish": opPublish, "restore": opRestore, "tidy": opTidy}[c.Args[0].Key]
		p.step(broke{op: op, batch: rdd.BatchID(c.Int(t, "batch", 0)), sink: c.Int(t, "sink", 0), err: failure(t, c.Args[1].Key)})
	case "saved":
		for _, s := range p.states(t, c) {
			p.step(s)
		}
	case "moved":
		ref := strings.Split(c.Args[0].Key, ".")
		e := stateMoved{stage: int(number(t, ref[0])), part: int(number(t, ref[1]))}
		if kind := c.String("fails", ""); kind != "" {
			e.err = failure(t, kind)
		}
		p.step(e)
	case "restored":
		p.step(statesRestored{})
	case "tidied":
		p.step(tidied{})
	case "tick":
		d, err := time.ParseDuration(c.Args[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		p.step(ticked{p.core.now + d.Microseconds()})
	case "stop":
		p.step(stopped{})
	default:
		t.Fatalf("line %d: no command %s", c.Line, c.Cmd)
	}
	return p.out.String()
}

func (p *puppet) build(t testing.TB, c *script.Case) {
	plan := &planner.Plan{Digest: "digest", Mode: planner.IDAG, Job: rdd.NewJob("job", nil).With(rdd.Settings{
		BatchRows: int64(c.Int(t, "rows", 1600)), InFlight: c.Int(t, "in_flight", 2), KeyGroups: c.Int(t, "groups", 2),
	})}
	plan.Job.Dead.MaxShare = float64(c.Int(t, "dead", 0)) / 100
	for i, line := range strings.Split(c.Input, "\n") {
		s := planner.Stage{ID: i, Source: -1}
		for _, word := range strings.Fields(line) {
			key, value, _ := strings.Cut(word, "=")
			switch key {
			case "read":
				s.Source = int(number(t, value))
				plan.Reads = append(plan.Reads, s.Source)
			case "from":
				for _, e := range strings.Split(value, ",") {
					stage, outlet, _ := strings.Cut(e, ".")
					s.Inputs = append(s.Inputs, planner.Edge{Stage: int(number(t, stage)), Outlet: int(number(t, outlet))})
				}
			case "stateful":
				s.Stateful = true
			case "narrow":
				s.Narrow = true
			case "result":
				s.Results = []int{int(number(t, value))}
			}
		}
		plan.Stages = append(plan.Stages, s)
	}
	if size := c.Int(t, "window", 0); size > 0 {
		plan.Results = []planner.Result{{Window: time.Duration(size) * time.Microsecond, Stage: len(plan.Stages) - 1}}
	}
	for i := range c.Int(t, "nodes", 1) {
		p.nodes = append(p.nodes, Node{Name: fmt.Sprintf("n%d", i), Slots: c.Int(t, "slots", 1)})
	}
	idle, err := time.ParseDuration(c.String("idle", "0s"))
	if err != nil {
		t.Fatal(err)
	}
	if plan.Job.Settings.BatchWait, err = time.ParseDuration(c.String("wait", "0s")); err != nil {
		t.Fatal(err)
	}
	if p.core, err = newCore(plan, Pace{Idle: idle}); err != nil {
		p.out.WriteString(err.Error())
		return
	}
	for source := range p.core.graph.sites {
		p.core.graph.sites[source] = c.String("site", "")
	}
}

// fleet reads a list of nodes.
func (p *puppet) fleet(t testing.TB, c *script.Case) []Node {
	var out []Node
	for _, arg := range c.Args {
		text, left := strings.CutSuffix(arg.Key, "!")
		text, site, _ := strings.Cut(text, "/")
		text, since, _ := strings.Cut(text, "@")
		name, slots, _ := strings.Cut(text, ":")
		out = append(out, Node{Name: name, Slots: int(number(t, cmp.Or(slots, "1"))), Since: number(t, cmp.Or(since, "0")), Site: site, Draining: left})
	}
	return out
}

// missing makes err say which of a task's blocks are not there.
func (p *puppet) missing(t testing.TB, c *script.Case, ref taskRef, err error) error {
	var out []rdd.Block
	for _, text := range list(c.String("missing", "")) {
		stage, task, _ := strings.Cut(text, ".")
		for _, b := range p.core.at(ref.batch).stages[ref.stage].tasks[ref.index].blocks {
			if b.Stage == int(number(t, stage)) && b.Task == int(number(t, task)) {
				out = append(out, b)
			}
		}
	}
	if out == nil {
		return err
	}
	return gone{err, out}
}

// past reads what an earlier run planned. The marks do not matter but for the
// watermark, which it takes from the batch's number so that it shows.
func (p *puppet) past(t testing.TB, c *script.Case) {
	for i, line := range strings.Split(c.Input, "\n") {
		s := p.sliceOf(t, line)
		for j := range s.splits {
			s.splits[j].Source = s.source
		}
		b := Planned{Batch: rdd.BatchID(i + c.Int(t, "from", 1)), Splits: s.splits, Offsets: []rdd.Offset{s.next}, Ended: []bool{s.ended}}
		b.Closed, b.Watermark, b.Final = work.NoTime, work.NoTime, s.ended
		p.history = append(p.history, b)
	}
}

// checkpoint adds one to the past: of the first stateful stage's parts.
func (p *puppet) checkpoint(t testing.TB, c *script.Case) {
	e := Checkpointed{Planned: Planned{Batch: rdd.BatchID(number(t, c.Args[0].Key)), Ended: []bool{false}}, Clock: new(eventtime.Tracker)}
	e.Rows = int64(c.Int(t, "rows", 10*int(e.Batch)))
	e.Offsets = []rdd.Offset{rdd.Offset(fmt.Sprint(e.Rows))}
	e.Closed, e.Watermark, e.Tally.RowsIn = work.NoTime, int64(c.Int(t, "watermark", 0)), e.Rows
	stage := slices.IndexFunc(p.core.graph.stages, func(s planner.Stage) bool { return s.Stateful })
	for i := range c.Int(t, "parts", 1) {
		e.Parts = append(e.Parts, work.State{Batch: e.Batch, Stage: stage, Index: i})
	}
	p.saved = append(p.saved, e)
}

// states answers saveState for the parts that are meant by B.S.I or B.S.*.
func (p *puppet) states(t testing.TB, c *script.Case) []event {
	words := strings.Split(c.Args[0].Key, ".")
	stage := int(number(t, words[1]))
	var out []event
	for i := range p.core.parts.homes[stage] {
		if words[2] != "*" && words[2] != strconv.Itoa(i) {
			continue
		}
		e := stateSaved{state: work.State{Batch: rdd.BatchID(number(t, words[0])), Stage: stage, Index: i}}
		if kind := c.String("fails", ""); kind != "" {
			e.err = failure(t, kind)
		}
		out = append(out, e)
	}
	return out
}

func (p *puppet) slices(t testing.TB, input string) sliced {
	var out sliced
	for _, line := range strings.Split(input, "\n") {
		out.slices = append(out.slices, p.sliceOf(t, line))
	}
	return out
}

func (p *puppet) sliceOf(t testing.TB, line string) slice {
	words := strings.Fields(line)
	s := slice{source: int(number(t, words[0]))}
	end := int64(0)
	for _, w := range words[1:] {
		if w == "ended" {
			s.ended = true
			continue
		}
		s.splits = append(s.splits, p.split(t, s.source, w))
	}
	for key, n := range p.firsts {
		if key[0] == s.source {
			end += n
		}
	}
	s.next = rdd.Offset(strconv.FormatInt(end, 10))
	return s
}

func (p *puppet) split(t testing.TB, source int, text string) rdd.Split {
	var s rdd.Split
	text, s.Last = strings.CutSuffix(text, "!")
	text, times, known := strings.Cut(strings.TrimSuffix(text, "]"), "[")
	if known {
		low, high, _ := strings.Cut(times, ",")
		s.Times = rdd.TimeRange{Known: true, Min: number(t, low), Max: number(t, high)}
	}
	part, rows, _ := strings.Cut(text, ":")
	rows, unknown := strings.CutPrefix(rows, "~")
	s.Partition, s.Rows = int32(number(t, part)), number(t, rows)
	key := [2]int{source, int(s.Partition)}
	s.First = p.firsts[key]
	p.firsts[key] += s.Rows
	if unknown {
		s.Rows, s.Bytes = -1, s.Rows
	}
	return s
}

// refs returns the tasks meant by B.S.I or B.S.*, at the attempt that is out.
func (p *puppet) refs(t testing.TB, c *script.Case) []taskRef {
	parts := strings.Split(c.Args[0].Key, ".")
	b := p.core.at(rdd.BatchID(number(t, parts[0])))
	stage := int(number(t, parts[1]))
	if b == nil {
		return []taskRef{{batch: rdd.BatchID(number(t, parts[0])), stage: stage, index: int(number(t, parts[2])), attempt: 1}}
	}
	var out []taskRef
	for i := range b.stages[stage].tasks {
		task := &b.stages[stage].tasks[i]
		if parts[2] == strconv.Itoa(i) || (parts[2] == "*" && task.state == launched) {
			out = append(out, taskRef{batch: b.id, stage: stage, index: i, attempt: c.Int(t, "attempt", task.attempt)})
		}
	}
	return out
}

func (p *puppet) receipt(t testing.TB, c *script.Case, ref taskRef) work.Receipt {
	r := work.Receipt{Tally: work.Tally{RowsIn: int64(c.Int(t, "rows", 0)), DeadLetters: int64(c.Int(t, "dead", 0))}}
	for _, text := range list(c.String("blocks", "")) {
		outlet, group, _ := strings.Cut(text, "/")
		r.Blocks = append(r.Blocks, rdd.Block{
			Batch: ref.batch, Stage: ref.stage, Task: ref.index, Outlet: int(number(t, outlet)), Partition: int(number(t, group)),
			Node: c.String("node", p.core.slots.nodes[p.core.at(ref.batch).stages[ref.stage].tasks[ref.index].node].Name),
		})
	}
	for _, text := range list(c.String("times", "")) {
		part, largest, _ := strings.Cut(text, ":")
		least, most, both := strings.Cut(largest, "-")
		if !both {
			most = least
		}
		r.Times = append(r.Times, work.PartTime{
			Source: p.core.graph.stages[ref.stage].Source, Partition: int32(number(t, part)), Min: number(t, least), Max: number(t, most),
		})
	}
	for _, text := range list(c.String("staged", "")) {
		r.Staged = append(r.Staged, rdd.Staged{Sink: int(number(t, text)), Part: []byte(fmt.Sprintf("%d.%d#%d", ref.stage, ref.index, ref.attempt))})
	}
	if at := c.Int(t, "told", -1); at >= 0 {
		r.Staged = append(r.Staged, rdd.Staged{Part: fmt.Appendf(nil, `{"at":%d,"rows":"AAAA"}`, at)})
	}
	if next := int64(c.Int(t, "next", -1)); next >= 0 {
		r.Next = &next
	}
	return r
}

func (p *puppet) step(e event) {
	for _, cmd := range p.core.step(e) {
		if text := spell(p.core, cmd); text != "" {
			p.out.WriteString(text + "\n")
		}
	}
}

// spell prints a command for people. A notification is only shown for a
// committed batch.
func spell(c *core, cmd command) string {
	switch cmd := cmd.(type) {
	case cutSources:
		var parts []string
		for _, f := range cmd.from {
			parts = append(parts, fmt.Sprintf("%d@%s rows=%d", f.source, cmp.Or(f.from, "0"), f.wish.Rows))
		}
		return "cut " + strings.Join(parts, ", ")
	case appendLog:
		var parts []string
		for _, e := range cmd.entries {
			parts = append(parts, spellEntry(e))
		}
		return "log " + strings.Join(parts, " + ")
	case runTask:
		return spellTask(c, cmd)
	case cancelTask:
		return fmt.Sprintf("cancel %d.%d.%d#%d", cmd.ref.batch, cmd.ref.stage, cmd.ref.index, cmd.ref.attempt)
	case publishParts:
		var parts []string
		for _, s := range cmd.parts {
			parts = append(parts, string(s.Part))
		}
		return fmt.Sprintf("publish %d sink=%d epoch=%d parts=%s", cmd.commit.Batch, cmd.sink, cmd.commit.Epoch, strings.Join(parts, ","))
	case releaseBlocks:
		return fmt.Sprintf("release %d", cmd.batch)
	case setAlarm:
		return fmt.Sprintf("alarm +%s", time.Duration(cmd.at-c.now)*time.Microsecond)
	case saveState:
		s := cmd.state
		return fmt.Sprintf("save %d.%d.%d on %s", s.Batch, s.Stage, s.Index, c.slots.nodes[cmd.node].Name)
	case moveState:
		s := cmd.state
		return fmt.Sprintf("move %d.%d.%d from %s to %s", s.Batch, s.Stage, s.Index, c.slots.nodes[cmd.from].Name, c.slots.nodes[cmd.to].Name)
	case restoreStates:
		return "restore" + spellStates(c, cmd.parts)
	case tidyUp:
		text := fmt.Sprintf("tidy up, keeping %d parts", len(cmd.keep))
		if cmd.below > 0 {
			text += fmt.Sprintf(", forgetting up to %d", cmd.below)
		}
		return text
	case notify:
		if cmd.progress.Note != "" {
			return "say: " + cmd.progress.Note
		}
		if r := cmd.progress.Committed; r != nil {
			return fmt.Sprintf("committed %d splits=%d rows=%d read=%d%s", r.Batch, r.Splits, r.Tally.RowsIn, cmd.progress.Read, map[bool]string{true: " again"}[r.Again])
		}
		return ""
	case finish:
		o := cmd.outcome
		return fmt.Sprintf("finish batches=%d rows=%d final=%t stopped=%t at=%v", o.Batches, o.Tally.RowsIn, o.Final, o.Stopped, o.Offsets)
	case abort:
		var back *setback
		if errors.As(cmd.err, &back) {
			return fmt.Sprintf("back to the last checkpoint: %v", cmd.err)
		}
		return fmt.Sprintf("abort %s: %v", fault.Of(cmd.err), cmd.err)
	}
	return "?"
}

func spellEntry(e Entry) string {
	switch e := e.(type) {
	case Started:
		return fmt.Sprintf("started epoch=%d", e.Epoch)
	case Planned:
		text := fmt.Sprintf("planned %d splits=%d closed=%s watermark=%s", e.Batch, len(e.Splits), moment(e.Closed), moment(e.Watermark))
		for _, p := range e.Idle {
			text += fmt.Sprintf(" idle=%d/%d", p.Source, p.Partition)
		}
		if e.Final {
			text += " final"
		}
		return text
	case Committed:
		return fmt.Sprintf("committed %d", e.Batch)
	case Checkpointed:
		return fmt.Sprintf("checkpoint %d parts=%d seen=%d rows=%d/%d", e.Batch, len(e.Parts), len(e.Seen), e.Tally.RowsIn, e.Rows)
	case Ended:
	}
	return "?"
}

func spellTask(c *core, cmd runTask) string {
	t := cmd.task
	var in []string
	for _, s := range t.Splits {
		in = append(in, fmt.Sprintf("%d/%d[%d+%d]", s.Source, s.Partition, s.First, s.Rows))
	}
	for _, b := range t.Blocks {
		in = append(in, fmt.Sprintf("%d.%d@%s", b.Stage, b.Task, b.Node))
	}
	how := ""
	if t.Freeze {
		how = " freezing"
	}
	if _, ok := t.Results[0]; ok {
		how += fmt.Sprintf(" seeing %d", c.at(t.Batch).known.Last[0].At)
	}
	if cmd.with {
		how += " in the same slot"
	}
	return strings.TrimRight(fmt.Sprintf("run %d.%d.%d#%d on %s%s: %s", t.Batch, t.Stage, t.Index, t.Attempt, c.slots.nodes[cmd.node].Name, how, strings.Join(in, " ")), " ")
}

func spellStates(c *core, parts [][]work.State) string {
	text := ""
	for node, list := range parts {
		for _, s := range list {
			text += fmt.Sprintf(" %d.%d.%d on %s", s.Batch, s.Stage, s.Index, c.slots.nodes[node].Name)
		}
	}
	if text == "" {
		return " nothing"
	}
	return text
}

func moment(us int64) string {
	if us == work.NoTime {
		return "-"
	}
	return strconv.FormatInt(us, 10)
}

func failure(t testing.TB, kind string) error {
	for _, k := range []fault.Kind{fault.Bug, fault.Invalid, fault.Retry, fault.Lost} {
		if k.String() == kind {
			return fault.New(k, "it broke")
		}
	}
	t.Fatalf("no fault is called %s", kind)
	return nil
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func number(t testing.TB, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
