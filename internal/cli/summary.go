package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/idag/idag/internal/engine"
)

// writeSummary prints a summary for people. Lost says that dead letters were
// only counted.
func writeSummary(w io.Writer, st style, sum engine.Summary, lost bool) {
	plan := sum.Plan
	if sum.Form != "" {
		plan += " (" + sum.Form + ")"
	}
	verb := "done"
	if len(sum.Stopped) > 0 {
		verb = "stopped"
	}
	fmt.Fprintf(w, "%s %s, %s plan, %s in %s, %s rows/s\n", st.strong(sum.Job), verb, plan,
		count(sum.Batches, "batch", "batches"), seconds(sum.WallSeconds), short(sum.RowsPerSecond))
	fmt.Fprintf(w, "  rows      %s in, %s out", thousands(sum.RowsIn), thousands(sum.RowsOut))
	for _, x := range []struct {
		n         int64
		one, many string
	}{{sum.RowsPruned, "never decoded", "never decoded"}, {sum.RowsUnbound, "under a header that is not its", "under headers that are not theirs"}, {sum.Late, "late", "late"}, {sum.DeadLetters, "dead letter", "dead letters"}} {
		if x.n > 0 {
			fmt.Fprintf(w, ", %s", count(x.n, x.one, x.many))
		}
	}
	if lost && sum.DeadLetters > 0 {
		fmt.Fprint(w, " (--dead-letters DIR keeps them)")
	}
	fmt.Fprintln(w)
	for _, reason := range sorted(sum.Dead) {
		for _, op := range sorted(sum.Dead[reason]) {
			fmt.Fprintf(w, "            %s dead: %s, at %s\n", thousands(sum.Dead[reason][op]), reason, op)
		}
	}
	fmt.Fprintf(w, "  checksum  %s\n", sum.Checksum)
	fmt.Fprintf(w, "  memory    %s at most\n", bytesText(sum.PeakRSSBytes))
	writeBypassed(w, st, sum.Bypassed)
	for _, at := range sum.Stopped {
		fmt.Fprintf(w, "  stopped at %s\n", at)
	}
}

// writeBypassed prints what was bypassed, a line for each reason and label, with
// the operations that as many rows passed by.
func writeBypassed(w io.Writer, st style, b engine.Bypassed) {
	if len(b) == 0 {
		return
	}
	t := table{head: []string{"reason", "label", "rows", "bypassed"}}
	for _, reason := range sorted(b) {
		for _, label := range sorted(b[reason]) {
			ops := map[int64][]string{}
			for op, rows := range b[reason][label] {
				ops[rows] = append(ops[rows], op)
			}
			for _, rows := range slices.Backward(slices.Sorted(maps.Keys(ops))) {
				slices.SortFunc(ops[rows], byOrdinal)
				t.add(reason, label, thousands(rows), strings.Join(ops[rows], " "))
			}
		}
	}
	t.write(w, st)
}

// byOrdinal orders operations as plans number them: map#9 before map#10.
func byOrdinal(a, b string) int {
	ordinal := func(op string) int {
		n, _ := strconv.Atoi(op[strings.LastIndexByte(op, '#')+1:]) // 0 where there is none
		return n
	}
	return cmp.Or(cmp.Compare(ordinal(a), ordinal(b)), strings.Compare(a, b))
}
