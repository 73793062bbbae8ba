package mutants

// List returns the mutants: of every reason for a bypass, of what several stand on, and
// of what must not be seen in any result.
func List() []Mutant {
	var out []Mutant
	for _, more := range [][]Mutant{ofLabels(), ofSchedules(), ofPruning(), ofBounds(), ofDone(), ofProofs(), ofPartitions(), ofCaches(),
		ofResults(), ofFusions(), ofCuts(), ofArithmetic()} {
		out = append(out, more...)
	}
	// Nothing but these comes by rows that something was done to, or by a cache.
	only := map[string]Property{"done": {"internal/engine", "TestHalfProcessed", 1}, "cached": {"internal/engine", "TestCachedRuns", 1}}
	for i := range out {
		if p, ok := only[out[i].Proof]; ok && out[i].By == nil {
			out[i].By = []Property{p}
		}
	}
	return out
}

func ofLabels() []Mutant {
	return []Mutant{{
		Name: "the first branch decides", Proof: "unscheduled", File: "planner/routes.go",
		Old: `	for i, id := range n.consumers {
		if _, here := a.nodes[id].input[l]; here && a.matters(`, New: `	for i, id := range n.consumers[:min(1, len(n.consumers))] {
		if _, here := a.nodes[id].input[l]; here && a.matters(`,
		Broken: "a label is left out if the first branch has no use for it",
	}, {
		Name: "for everybody", Proof: "label", File: "planner/build.go",
		Old: `ch := physical.Change{For: f.labels & c.acts,`, New: `ch := physical.Change{For: f.labels,`,
		Broken: "an operation acts on all rows of a frame that come by, whosever they are",
	}}
}

func ofSchedules() []Mutant {
	return []Mutant{{
		Name: "strict does not count", Proof: "unscheduled", File: "planner/live.go",
		Old: `if n.need[l][s.Column] || strict(n.exprs[mark+s.Column]) {`, New: `if n.need[l][s.Column] {`,
		Broken: "what nobody reads is left out even where it drops rows",
	}, {
		Name: "dropped columns come back", Proof: "unscheduled", File: "planner/build.go",
		Old: `if c.idle(acts) && !(acts != 0 && drops(c.op, f)) {`, New: `if c.idle(acts) {`,
		Broken: "a map that only drops a column is left out although a union finds the column by its name",
	}, {
		Name: "filters are seen from nowhere", Proof: "unscheduled", File: "planner/live.go",
		Old: `		return reads(need, n.exprs["where"])`, New: `		return need`,
		Broken: "the columns of a filter are not kept",
	}}
}

func ofPruning() []Mutant {
	return []Mutant{{
		Name: "a null has the label of the others", Proof: "pruning", File: "planner/physical/prune.go",
		Old: `if !ok || r.Nulls || r.Min == nil`, New: `if !ok || r.Min == nil`,
		Broken: "a row group is one label's although its label column may hold nulls",
	}, {
		Name: "one way is enough", Proof: "pruning", File: "planner/physical/prune.go",
		Old: `		if !gone {
			return false
		}
	}
	return true`, New: `		if gone {
			return true
		}
	}
	return false`,
		Broken: "rows are left out although one of their ways keeps them",
	}, {
		Name: "columns never change", Proof: "pruning", File: "planner/prune.go",
		Old: `if changed[col] || system(col) || field(in, col) == nil {`, New: `if system(col) || field(in, col) == nil {`,
		Broken: "a filter over a column that a map has set is judged by the source's bounds",
	}, {
		Name: "anything has a label", Proof: "pruning", File: "planner/prune.go",
		Old: `p.Total = op.Otherwise != 0 && !op.Exclusive`, New: `p.Total = true`,
		Broken: "row groups with rows that become dead letters are left out",
	}}
}

func ofBounds() []Mutant {
	return []Mutant{{
		Name: "NaN is a number like others", Proof: "bounds", File: "internal/expr/bounds.go",
		Old: `case o.kind == kFloat && r.NaN:`, New: `case false:`,
		Broken: "the largest float of the bounds is taken for the largest, NaN or not",
	}, {
		Name: "no nulls in OR", Proof: "bounds", File: "internal/expr/bounds_logic.go",
		Old: `mayBeTrue:  a.mayBeTrue && b.mayBeTrue,`, New: `mayBeTrue:  a.mayBeTrue && b.mayBeTrue && !a.null,`,
		Broken: "a condition with a null in it is taken for false in all rows",
	}, {
		Name: "bounds are attained", Proof: "bounds", File: "internal/expr/bounds_logic.go",
		Old: `return !known || c < 0
}

// surelyBelow`, New: `return known && c < 0
}

// surelyBelow`,
		Broken: "an unknown bound counts as none",
	}}
}

func ofDone() []Mutant {
	return []Mutant{{
		Name: "a beginning is enough", Proof: "done", File: "planner/bypass/done.go",
		Old: `		if !is {
			return nil, false
		}`, New: `		if !is {
			continue
		}`,
		Broken: "rows enter behind the first operations of a list that goes on: the others are applied again",
	}, {
		Name: "everything from the start", Proof: "done", File: "planner/entry.go",
		Old: `	e.Next = f.at.Next`, New: `	e.Next = b.plan.Stages[0].Root.Next`,
		Broken: "rows enter at the beginning, whatever was done to them",
	}, {
		Name: "one operation too late", Proof: "done", File: "planner/entry.go",
		Old: `b.enter(e, stage, place{c.nodes[k].ID, l})`, New: `b.enter(e, stage, place{c.nodes[min(k+1, len(c.nodes)-1)].ID, l})`,
		Broken: "rows enter behind the operation that is to be applied next",
	}, {
		Name: "no hash of its own", Proof: "done", File: "planner/entry.go",
		Old: `if !need[f.Name] && f.Name != rdd.ColLabel {`, New: `if !need[f.Name] && f.Name != rdd.ColLabel || f.Name == rdd.ColHash {`,
		Broken: "the hash of rows that enter is not computed",
	}}
}

func ofProofs() []Mutant {
	return []Mutant{{
		Name: "coalesce has nothing to do", Proof: "identity", File: "internal/expr/same.go",
		Old: `if out = c; !s.null {`, New: `if out = c; true {`,
		Broken: "the first argument is taken for the result although it may be null",
	}, {
		Name: "null is true enough", Proof: "identity", File: "internal/expr/bounds.go",
		Old: `return !s.mayBeFalse && !s.null && !s.fails`, New: `return !s.mayBeFalse && !s.fails`,
		Broken: "a filter that is null for some rows is left out",
	}, {
		Name: "what a map sets is what was there", Proof: "identity", File: "planner/physical/proof.go",
		Old: `out[name] = c.Programs[p].Range(b)`, New: `out[name] = b[name]`,
		Broken: "a column keeps its bounds when it is set",
	}, {
		Name: "strict maps see nothing", Proof: "empty", File: "planner/physical/proof.go",
		Old: `		return act.silent()`, New: `		return true`,
		Broken: "rows that a later filter drops make no dead letters before",
	}, {
		Name: "one branch of which nothing comes", Proof: "empty", File: "executor/prove.go",
		Old: `nothing = p.judge(next, behind) && nothing`, New: `nothing = p.judge(next, behind) || nothing`,
		Broken: "rows are dropped although something behind needs them",
	}, {
		Name: "bounds of another row group", Proof: "empty", File: "executor/prove.go",
		Old: `if p.at != at || !sameBounds(p.of, b) {`, New: `if p.at != at || p.of == nil {`,
		Broken: "what the first row group proves is taken to hold for all",
	}}
}

func ofPartitions() []Mutant {
	return []Mutant{{
		Name: "keys never change", Proof: "partitioned", File: "planner/build.go",
		Old: `f.by = f.by.Without(b.altered(c))`, New: `f.by = f.by.Without(nil)`,
		Broken: "rows are taken to be in place although a key was set since",
	}, {
		Name: "keys in any order", Proof: "partitioned", File: "planner/bypass/partitioned.go",
		Old: `slices.Equal(have.Keys, want.Keys)`, New: `len(have.Keys) == len(want.Keys)`,
		Broken: "rows are taken to be where other keys, or another order of the same, would bring them",
	}, {
		Name: "groups of one table", Proof: "partitioned", File: "executor/outlet_partial.go",
		Old: `return tableKey{o.to.Stage, o.to.InPlace}`, New: `return tableKey{stage: o.to.Stage}`,
		Broken: "groups that are in place are sent together with others that are not",
	}}
}

func ofCaches() []Mutant {
	return []Mutant{{
		Name: "any job's rows", Proof: "cached", File: "executor/recording.go",
		Old: `parts = append(parts, s.node.Cache)`, New: `parts = append(parts, s.node.Cache[:0])`,
		Broken: "what is cached goes by the split alone, whatever was done to its rows",
	}, {
		Name: "any split of the file", Proof: "cached", File: "executor/recording.go",
		Old: `fmt.Sprint(s.Partition, s.First, s.Rows)}`, New: `fmt.Sprint(s.Partition)}`,
		Broken: "splits of one partition are taken for one another",
	}, {
		Name: "dead letters are forgotten", Proof: "cached", File: "executor/recording.go",
		Old: `!whole || len(r.dead.list) != c.dead ||`, New: `!whole ||`,
		Broken: "splits with rows that became dead letters are cached without them",
	}, {
		Name: "pruned for everybody", Proof: "cached", File: "executor/recording.go",
		Old: `|| r.tally.Pruned != c.before.Pruned {`, New: `{`,
		Broken: "splits of which rows were left out for what stands behind are cached",
	}, {
		Name: "the time stands still", Proof: "cached", File: "executor/recording.go",
		Old: `for _, t := range k.times {`, New: `for _, t := range k.times[:0] {`,
		Broken: "rows from the cache do not move the watermark",
		By:     []Property{{"internal/engine", cachedTimes, 1}},
	}, {
		Name: "windows are cached", Proof: "cached", File: "planner/cache.go",
		Old: `		case rdd.Window:
			return`, New: `		case rdd.Window:
			continue
			return`,
		Broken: "what is late by one ledger is missing in another run",
	}}
}
