package mutants

// Properties besides those that the whole engine is held to.
const (
	lists        = "TestListsAreOfTheRow"
	otherCuts    = "TestCutsDoNotMatter"
	interrupted  = "TestBroadcastInterrupted"
	shownResults = "TestShownResults"
	cachedTimes  = "TestCachedTimes"
)

// ofResults are of what a job reads of its own results: rows behind it depend on more
// than the events.
func ofResults() []Mutant {
	return []Mutant{{
		Name: "a result is of the row", Proof: "done", File: "planner/chain.go",
		Old: `	case rdd.Tag, rdd.Map, rdd.Filter, rdd.FlatMap, rdd.Apply:
	default:
		return false`, New: `	case rdd.Tag, rdd.Map, rdd.Filter, rdd.FlatMap, rdd.Apply, rdd.Broadcast:
	default:
		return false`,
		Broken: "a list says that a broadcast was done, whose value is another one by now",
		By:     []Property{{"internal/engine", lists, 1}},
	}, {
		Name: "results are cached", Proof: "cached", File: "planner/cache.go",
		Old: `		case rdd.Broadcast:
			return`, New: `		case rdd.Broadcast:
			continue
			return`,
		Broken: "rows behind a broadcast are cached with what one run came to",
		By:     []Property{{"internal/engine", shownResults, 1}},
	}, {
		Name: "a result has the bounds of what was there", Proof: "bounds", File: "planner/physical/proof.go",
		Old: `		for _, i := range act.Writes {
			if i >= 0 {`, New: `		for _, i := range act.Writes {
			if i >= 0 && !act.Last {`,
		Broken: "filters over what a broadcast sets are judged by the column before it",
		By:     []Property{{"internal/engine", shownResults, 1}},
	}, {
		Name: "nobody asked for the result", Proof: "unscheduled", File: "planner/schedule.go",
		Old: `	for a.wantBroadcasts(wanted) {`, New: `	for wanted[-1] {`,
		Broken: "a schedule leaves out the sink whose rows a broadcast reads",
	}, {
		Name: "the newest that there is", Proof: "broadcast", File: "driver/cut.go",
		Old: `	c.observe(p.Batch - rdd.BatchID(c.set.InFlight))
	in.clock.Cut(p.Splits)`, New: `	c.observe(p.Batch - 1)
	in.clock.Cut(p.Splits)`,
		Broken: "a batch sees what the one before it came to, if that is done, and not the one that is in_flight before",
	}, {
		Name: "windows leave together", Proof: "broadcast", File: "driver/result.go",
		Old: `		return max(from, min(to, next(end)-1))`, New: `		return to`,
		Broken: "a batch lets several windows leave, of which none sees the one before",
		By:     []Property{{"internal/engine", otherCuts, 1}},
	}, {
		Name: "what is published is not made again", Proof: "broadcast", File: "executor/broadcast.go",
		Old: `		if read.Sink == to.Sink {
			return false`, New: `		if read.Sink == to.Sink {
			return true`,
		Broken: "batches that a resumed run repeats do not say what they wrote for the job itself",
		By:     []Property{{"internal/engine", interrupted, 10}},
	}}
}

// ofFusions are of Maps that are carried out together, and must come to what they come
// to one by one.
func ofFusions() []Mutant {
	together := []Property{{"internal/expr", "TestFusion", 1}}
	return []Mutant{{
		Name: "one after another", Proof: "fused", File: "internal/kernel/fuse/compile.go",
		Old: `		results[i] = v
	}`, New: `		results[i] = v
		for at, term := range a.Term {
			if term == i && at < len(cols) && a.From[at] == at {
				cols[at] = v
			}
		}
	}`,
		Broken: "an expression of a map sees what the ones before it in the same map have set",
		By:     together,
	}, {
		Name: "the rows of the first map", Proof: "fused", File: "executor/fusion.go",
		Old: `if a.Mask = slices.Index(f.masks, act.For); a.Mask < 0 {`, New: `if a.Mask = slices.IndexFunc(f.masks, func(rdd.LabelSet) bool { return true }); a.Mask < 0 {`,
		Broken: "maps of one group are for the labels of the first, blended",
	}, {
		Name: "the selection of the first map", Proof: "fused", File: "executor/fusion.go",
		Old: `return selected == f.selected && (!selected || act.For == before.For)`, New: `return selected == f.selected && (!selected || before.For != 0)`,
		Broken: "maps of one group are for the labels of the first, selected",
	}, {
		Name: "maps behind a cache", Proof: "cached", File: "executor/fusion.go",
		Old: `if len(n.Next) != 1 || n.Cache != "" {`, New: `if len(n.Next) != 1 {`,
		Broken: "what is cached has been through maps behind the cache",
	}, {
		Name: "a chain takes what others read", Proof: "fused", File: "internal/kernel/fuse/chain.go",
		Old: `before.out >= 0 || readers[from] != 1 {`, New: `before.out >= 0 {`,
		Broken: "a value that is read twice is made no more",
		By:     together,
	}, {
		Name: "results are written over", Proof: "fused", File: "internal/kernel/fuse/compile.go",
		Old: `		until(m.value, math.MaxInt)`, New: `		until(m.value, 0)`,
		Broken: "scratch is used again that says which rows of a result are null",
		By:     together,
	}, {
		Name: "null and a number", Proof: "fused", File: "internal/kernel/fuse/run.go",
		Old: `c.valid = join(blockRows, a.valid, valid, true)`, New: `c.valid = join(blockRows, a.valid, valid, false)`,
		Broken: "arithmetic with one null is not null",
		By:     together,
	}}
}

// ofCuts are of frames that are cut by label, in bits where the processor can.
func ofCuts() []Mutant {
	cuts := []Property{{"internal/kernel/part", "TestCut", 1}, {"internal/kernel/part", "TestCutBy", 1}}
	return []Mutant{{
		Name: "marks of the frame before", Proof: "cut", File: "internal/kernel/part/part.go",
		Old: `	c.clear(words * (len(c.parts) + 1))`, New: `	if len(c.masks) < words*(len(c.parts)+1) {
		c.clear(words * (len(c.parts) + 1))
	}`,
		Broken: "rows are taken for those of a label that had it in the frame before",
		By:     cuts,
	}, {
		Name: "the last value of a label", Proof: "cut", File: "internal/kernel/part/part.go",
		Old: `c.masks[p*words+i] |= m`, New: `c.masks[p*words+i] = m`,
		Broken: "of several values whose rows go one way only those of the last are marked",
		By:     cuts,
	}, {
		Name: "nulls are moved as values", Proof: "cut", File: "internal/kernel/part/part.go",
		Old: `case p.mask == nil || width == 0 || a.NullN() > 0:`, New: `case p.mask == nil || width == 0:`,
		Broken: "columns with nulls are compressed without which rows are null",
		By:     cuts,
	}}
}

// ofArithmetic are of chains of sums and products that stay in vector registers.
func ofArithmetic() []Mutant {
	chains := []Property{{"internal/kernel/affine", "TestRun", 1}}
	return []Mutant{{
		Name: "sums are put together", Proof: "chained", File: "internal/kernel/affine/affine.go",
		Old: `if last := &steps[n-1]; last.Add == 0 && math.Signbit(last.Add) {
			last.Add = c`, New: `if last := &steps[n-1]; true {
			last.Add += c`,
		Broken: "two sums with constants are one, rounded once",
		By:     chains,
	}, {
		Name: "any zero is nothing", Proof: "chained", File: "internal/kernel/affine/affine.go",
		Old: `last.Add == 0 && math.Signbit(last.Add) {`, New: `last.Add == 0 {`,
		Broken: "a sum with 0 is left out, which makes 0 of -0",
		By:     chains,
	}, {
		Name: "rounded once", Proof: "chained", File: "internal/kernel/affine/affine_amd64.s",
		Old: `	EIGHT(VMULPD, Y8)
	EIGHT(VADDPD, Y9)`, New: `	VFMADD213PD Y9, Y8, Y0
	VFMADD213PD Y9, Y8, Y1
	VFMADD213PD Y9, Y8, Y2
	VFMADD213PD Y9, Y8, Y3
	VFMADD213PD Y9, Y8, Y4
	VFMADD213PD Y9, Y8, Y5
	VFMADD213PD Y9, Y8, Y6
	VFMADD213PD Y9, Y8, Y7`,
		Broken: "a product is not rounded before the sum",
		By:     chains,
	}}
}
