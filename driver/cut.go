package driver

import (
	"slices"
	"time"

	"github.com/idag/idag/internal/eventtime"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// input is what the core knows of the sources.
type input struct {
	pace    Pace
	offsets []rdd.Offset // by source: how far it has been cut
	planned []rdd.Offset // by source: how far batches have been planned
	ended   []bool       // by source: nothing is left to cut
	wish    rdd.Size     // of the last cut, for each source

	cutting bool      // a cut is out
	polling bool      // the sources had nothing; asked again later
	ahead   *ahead    // cut and not yet planned
	dense   []density // by source

	stopping bool
	final    bool // the final batch is planned

	history   []Planned    // batches of an earlier run that are still to be run again
	tallies   []work.Tally // of the first of them
	committed rdd.BatchID

	clock  eventtime.Tracker
	quiet  []map[eventtime.Part]int64 // by source: since when partitions have had nothing
	heard  int64                      // when the sources last answered
	mark   int64                      // the watermark of the last batch planned
	unseen []Observation              // done batches whose receipts the clock has not seen
}

// ahead is what the next batch will read.
type ahead struct {
	splits []rdd.Split
	since  int64 // when the first of them came
	ask    bool  // it is short of a batch, and the sources are to be asked for more
}

// short reports whether a batch is to wait for more: it has less than is wished, and
// the time that it may wait has not passed.
func (c *core) short(a *ahead) bool {
	in := &c.input
	if c.set.BatchWait <= 0 || len(a.splits) == 0 || in.allEnded() || c.now >= a.since+c.set.BatchWait.Microseconds() {
		return false
	}
	want := wish(c.set, c.next, 1)
	rows, bytes, known := in.taken(a.splits)
	return known && rows < want.Rows && (want.Bytes <= 0 || bytes < want.Bytes)
}

// taken is how large splits are. Rows that a source does not count are estimated
// by what has been read of it; before that they are not known.
func (in *input) taken(splits []rdd.Split) (rows, bytes int64, known bool) {
	known = true
	for i := range splits {
		s := &splits[i]
		bytes += max(0, s.Bytes)
		if s.Rows >= 0 {
			rows += s.Rows
			continue
		}
		d := in.dense[s.Source]
		if d.bytes <= 0 {
			known = false
			continue
		}
		rows += int64(float64(s.Bytes) * float64(d.rows) / float64(d.bytes))
	}
	return rows, bytes, known
}

// density is what has been read of a source in splits whose rows it did not count.
type density struct{ rows, bytes int64 }

// weigh notes how many rows a task found in its splits.
func (in *input) weigh(splits []rdd.Split, rows int64) {
	for i := range splits {
		if splits[i].Rows >= 0 || splits[i].Bytes < 0 {
			return
		}
	}
	d := &in.dense[splits[0].Source]
	d.rows += rows
	for i := range splits {
		d.bytes += splits[i].Bytes
	}
}

// await asks for more, after a while, for a batch that is short.
func (c *core) await(a *ahead) {
	in := &c.input
	if in.polling || in.cutting || a.ask {
		return
	}
	in.polling = true
	due := min(c.now+in.pace.poll().Microseconds(), a.since+c.set.BatchWait.Microseconds())
	c.later(retry{due: due, op: opPoll})
}

func newInput(sources int, pace Pace) input {
	in := input{
		pace:    pace,
		offsets: make([]rdd.Offset, sources),
		planned: make([]rdd.Offset, sources),
		ended:   make([]bool, sources),
		dense:   make([]density, sources),
		quiet:   make([]map[eventtime.Part]int64, sources),
		mark:    work.NoTime,
	}
	for i := range in.quiet {
		in.quiet[i] = map[eventtime.Part]int64{}
	}
	return in
}

// leaveOut takes sources that no stage reads, because nothing that is scheduled
// stands on them, for ended: they are not cut, and do not hold the watermark.
func (in *input) leaveOut(g *graph) {
	for i := range in.ended {
		in.ended[i] = !slices.ContainsFunc(g.readers, func(s int) bool { return g.stages[s].Source == i })
	}
}

// allEnded reports whether no source has anything left to cut.
func (in *input) allEnded() bool { return !slices.Contains(in.ended, false) }

// slowStart is how often the first batches are quartered: the first is a
// sixteenth of the size, so that the first row comes soon, and each following
// one four times the one before. The third is a whole one: as long as batches
// overlap, no slot idles for want of splits, whatever the number of slots. What
// is cut does not depend on that number, or the same input would have other
// batches, and other late rows, on another fleet.
const slowStart = 2

// wish returns what one source should give for the batch, of live sources.
func wish(set rdd.Settings, batch rdd.BatchID, live int) rdd.Size {
	shift := max(0, slowStart-int(min(batch-1, slowStart)))
	share := func(whole int64) int64 {
		if whole <= 0 {
			return 0
		}
		return max(1, (whole>>(2*shift))/int64(live))
	}
	return rdd.Size{Rows: share(set.BatchRows), Bytes: share(set.BatchBytes)}
}

// cut asks the sources for the next batch. One batch may be cut ahead of the
// ones in flight, so that its planned entry is ready for the append that
// commits the batch it waits for.
func (c *core) cut() {
	in := &c.input
	if in.cutting || in.polling || in.ahead != nil && !in.ahead.ask || in.stopping || in.final || in.allEnded() || len(in.history) > 0 {
		return
	}
	live := 0
	for _, e := range in.ended {
		if !e {
			live++
		}
	}
	in.cutting, in.wish = true, wish(c.set, c.next, live)
	if in.ahead != nil {
		in.ahead.ask = false
		rows, bytes, _ := in.taken(in.ahead.splits)
		in.wish.Rows = max(1, in.wish.Rows-rows/int64(live))
		if in.wish.Bytes > 0 {
			in.wish.Bytes = max(1, in.wish.Bytes-bytes/int64(live))
		}
	}
	c.askSources()
}

// askSources asks every source that has not ended. A retry asks the same again.
func (c *core) askSources() {
	var ask cutSources
	for i, ended := range c.input.ended {
		if !ended {
			ask.from = append(ask.from, cutFrom{source: i, from: c.input.offsets[i], wish: c.input.wish})
		}
	}
	c.do(ask)
}

// sliced takes what the sources gave for the next batch.
func (c *core) sliced(e sliced) {
	in := &c.input
	if !in.cutting || in.stopping {
		return
	}
	in.cutting, in.heard = false, c.now
	c.repairs.cuts = 0
	next := in.ahead
	if next == nil {
		next = &ahead{since: c.now}
	}
	for _, s := range e.slices {
		for i := range s.splits {
			s.splits[i].Source = s.source
		}
		next.splits = append(next.splits, s.splits...)
		in.offsets[s.source], in.ended[s.source] = s.next, s.ended
		c.listen(s)
	}
	in.ahead = next
}

// listen notes which partitions of a source had nothing to give although the
// source was asked: they may turn idle. Three things look alike and are not: a
// source that does not answer is stalled, one that is not asked because batches
// are in flight is held back, and one that gave all that was wished may have
// more. None of them says anything about a partition.
func (c *core) listen(s slice) {
	if c.input.pace.Idle <= 0 {
		return
	}
	quiet := c.input.quiet[s.source]
	gave := map[eventtime.Part]bool{}
	var rows, bytes int64
	known := true
	for i := range s.splits {
		part := eventtime.Part{Source: s.source, Partition: s.splits[i].Partition}
		gave[part] = true
		delete(quiet, part)
		rows, bytes = rows+s.splits[i].Rows, bytes+max(0, s.splits[i].Bytes)
		known = known && s.splits[i].Rows >= 0
	}
	wish := c.input.wish
	if !known || rows >= wish.Rows || (wish.Bytes > 0 && bytes >= wish.Bytes) {
		clear(quiet)
		return
	}
	for _, p := range c.input.clock.Parts(s.source) {
		if _, ok := quiet[p]; !ok && !gave[p] {
			quiet[p] = c.now
		}
	}
}

// idle returns the partitions that had been quiet for long enough when the
// sources last answered. The time since then says nothing.
func (c *core) idle() []eventtime.Part {
	in := &c.input
	var out []eventtime.Part
	if in.pace.Idle <= 0 {
		return nil
	}
	for source, quiet := range in.quiet {
		if len(quiet) == 0 {
			continue
		}
		for _, p := range in.clock.Parts(source) {
			if since, ok := quiet[p]; ok && in.heard-since >= in.pace.Idle.Microseconds() {
				out = append(out, p)
			}
		}
	}
	return out
}

// room reports whether another batch may be planned. Fewer than InFlight must be
// at work, counted from the oldest that is not done, which is what watermarks
// rest on. Publication is waited for only when as many again are behind with it.
func (c *core) room() bool {
	planned, limit := c.next-1, rdd.BatchID(c.set.InFlight)
	return planned-c.done < limit && planned-c.shown < 2*limit
}

// plan plans the next batch if there is something to read and room for it. It
// reports whether it did.
func (c *core) plan() bool {
	in := &c.input
	if !c.room() || in.stopping || in.final || c.over {
		return false
	}
	switch {
	case len(in.history) > 0:
		c.replan()
	case c.lingers() || c.trails():
		c.plans(c.fix(nil, in.planned, c.results.ended))
	case in.ahead == nil:
		return false
	case c.short(in.ahead):
		c.await(in.ahead)
		return false
	case len(in.ahead.splits) == 0 && !in.allEnded() && !c.moves():
		in.ahead, in.polling = nil, true
		c.later(retry{due: c.now + in.pace.poll().Microseconds(), op: opPoll})
		return false
	default:
		p := c.fix(in.ahead.splits, in.offsets, in.ended)
		in.ahead = nil
		c.plans(p)
	}
	return true
}

// plans puts a batch that was fixed now under way.
func (c *core) plans(p Planned) {
	c.begin(p)
	c.journal.add(p)
}

// fix decides everything that decides the rows of the next batch, behind which sources
// are at offsets, or have ended.
func (c *core) fix(splits []rdd.Split, offsets []rdd.Offset, ended []bool) Planned {
	in := &c.input
	p := Planned{
		Batch: c.next, Splits: splits, Offsets: slices.Clone(offsets), Ended: slices.Clone(ended),
		Idle:  c.idle(),
		Marks: work.Marks{Closed: in.mark, Now: c.now},
	}
	p.Idle = c.turn(p)
	p.Final, p.Watermark = c.closes(splits), in.clock.Advance()
	if c.results.on() {
		p.Watermark = c.stride(c.goal(), len(splits) > 0)
	}
	return p
}

// replan takes the next batch from the ledger of an earlier run, and turns the
// clock as it was turned then.
func (c *core) replan() {
	in := &c.input
	p := in.history[0]
	in.history = in.history[1:]
	copy(in.offsets, p.Offsets)
	copy(in.ended, p.Ended)
	c.turn(p)
	in.clock.Advance()
	c.begin(p)
	b := c.at(p.Batch)
	if len(in.tallies) > 0 {
		b.was, in.tallies = &in.tallies[0], in.tallies[1:]
	}
	c.open(b)
}

// turn shows the clock what may decide the watermark of a batch: the receipts
// of the batches that are InFlight behind it, and the splits up to it. It
// returns the partitions that are idle.
func (c *core) turn(p Planned) []eventtime.Part {
	in := &c.input
	c.observe(p.Batch - rdd.BatchID(c.set.InFlight))
	in.clock.Cut(p.Splits)
	for source, ended := range p.Ended {
		if ended {
			in.clock.End(source)
		}
	}
	return in.clock.Idle(p.Idle)
}

// observe shows the clock the receipts of the batches up to upTo.
func (c *core) observe(upTo rdd.BatchID) {
	in := &c.input
	for len(in.unseen) > 0 && in.unseen[0].Batch <= upTo {
		in.unseen[0].show(&in.clock)
		c.results.learn(&in.unseen[0])
		in.unseen = in.unseen[1:]
	}
}

// moves reports whether a batch without rows would do something: move the
// watermark, or bring it closer to what the last batches have seen. The latter
// takes as many empty batches as are in flight, because a watermark looks back
// that far; they are only made when nothing else is at work.
func (c *core) moves() bool {
	in := &c.input
	c.observe(c.next - rdd.BatchID(c.set.InFlight))
	clock := in.clock.Clone()
	clock.Idle(c.idle())
	if clock.Advance() > in.mark {
		return true
	}
	if c.done < c.next-1 || len(in.unseen) == 0 {
		return false
	}
	for i := range in.unseen {
		in.unseen[i].show(clock)
	}
	clock.Idle(c.idle())
	return clock.Advance() > in.mark
}

// begin puts a planned batch under way. Its tasks begin when its planned entry
// is in the ledger.
func (c *core) begin(p Planned) {
	in := &c.input
	b := &batch{id: p.Batch, plan: p, again: p.Batch <= in.committed, began: c.now, unopened: len(c.graph.stages), known: c.results.known}
	if c.results.ended = p.Ended; len(p.Splits) > 0 {
		c.results.known.Rows = p.Batch
	}
	b.stages = make([]stageRun, len(c.graph.stages))
	for i := range b.stages {
		b.stages[i].waiting = len(c.graph.producers[i])
	}
	c.batches = append(c.batches, b)
	c.next = p.Batch + 1
	in.mark, in.final, in.planned = p.Watermark, p.Final, p.Offsets
	for i := range p.Splits {
		c.progress.Planned += max(0, p.Splits[i].Rows)
	}
	c.progress.Watermark = p.Watermark
	c.chooseSave(b)
	c.report(nil)
}

// Pace is how a run waits.
type Pace struct {
	// Poll is how long the driver waits before it asks sources again that had
	// nothing; 0 means 10 ms.
	Poll time.Duration
	// Idle is how long a partition may have nothing, though its source
	// answers, before it stops holding the watermark; 0 means for ever.
	Idle time.Duration
	// Lease is how long a task may be without an answer, in a fleet that may change,
	// before it is run elsewhere as well, or where it has state its node is taken for
	// gone. It is longer for tasks that usually take more than a tenth of it, and twice
	// as long each time that the same task is late; 0 means 30 s.
	Lease time.Duration
}

func (p Pace) lease() time.Duration {
	if p.Lease <= 0 {
		return 30 * time.Second
	}
	return p.Lease
}

func (p Pace) poll() time.Duration {
	if p.Poll <= 0 {
		return 10 * time.Millisecond
	}
	return p.Poll
}
