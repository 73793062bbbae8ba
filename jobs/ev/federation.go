package ev

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// federation is the part of a job that trains: of rows with a node, its features and its
// window it makes predictions, updates and rounds. The rows have the label information.
type federation struct{ spelling }

// gathered are the rows that a node learns from, where they have their result.
const gathered = "ev_examples(f1, f2, f3, f4, f5, f6, f7, f8, y)"

// newest are columns of the server's last row.
func newest(to rdd.LabelSet, version bool) rdd.Broadcast {
	b := rdd.Broadcast{For: to, Of: "server", Columns: []fn.Column{{Name: "state", Type: arrow.BinaryTypes.String}}}
	if version {
		b.Columns = append(b.Columns, fn.Column{Name: "version", Type: arrow.PrimitiveTypes.Int64})
	}
	return b
}

// predictions are those of the model that a node has now.
func (f federation) predictions(known *rdd.Dataset) *rdd.Dataset {
	return known.Map(information, "how", f.text(optionsText)).
		Broadcast(newest(information, true)).
		Apply(rdd.Apply{For: information, Func: "ev_predict"}).
		Map(information, "must_charge", "p >= 0.5").Named("predictions")
}

// nodes test and train the model that they have on the rows of a window, which an
// aggregate gathers.
func (f federation) nodes(known *rdd.Dataset, rows string) *rdd.Dataset {
	return known.Reduce(rdd.Reduce{
		From: information, As: update, By: []string{"node", rdd.WindowStart, rdd.WindowEnd},
		Get: []rdd.Assign{{Column: "rows", Expr: rows}, {Column: "n", Expr: "count()"}},
	}).Map(update, "how", f.text(optionsText)).
		Broadcast(newest(update, false)).
		Apply(rdd.Apply{For: update, Func: "ev_train"}).
		Map(update, "accuracy_global", "global_hits / (tp + fp + tn + fn)").Named("nodes")
}

// submitted is what nodes send, and how they did.
func (f federation) submitted(nodes *rdd.Dataset) *rdd.Dataset {
	return nodes.Map(update, append(none("binary rows"), "scored", "tp + fp + tn + fn", "hits", "tp + tn")...).Named("submitted")
}

// central is the rows that the centre trains on, one row a window, or none.
func (f federation) central(known *rdd.Dataset, from rdd.LabelSet, rows string) *rdd.Dataset {
	return known.Filter(from, f.text("'${central}' NOT IN ('off', '0')")).
		Reduce(rdd.Reduce{From: from, As: central, By: []string{rdd.WindowStart, rdd.WindowEnd}, Get: []rdd.Assign{{Column: "rows", Expr: rows}}}).
		Named("centre")
}

// raw is what the centre has, with the columns of what nodes send.
func (f federation) raw(centre *rdd.Dataset) *rdd.Dataset {
	return centre.Map(central, none("string how", "string node", "bigint round", "bigint newest", "bigint version", "bigint samples", "double accuracy",
		"binary params", "binary moments", "timestamp arrives", "bigint scored", "bigint hits", "bigint global_hits")...).Named("raw")
}

// none are assignments of null to columns, each a type and a name.
func none(columns ...string) (pairs []string) {
	for _, c := range columns {
		typ, name, _ := strings.Cut(c, " ")
		pairs = append(pairs, name, "CAST(NULL AS "+typ+")")
	}
	return pairs
}

// server makes a round of what came in of a window.
func (f federation) server(nodes, centre *rdd.Dataset) *rdd.Dataset {
	return f.submitted(nodes).Union(f.raw(centre)).Reduce(rdd.Reduce{From: update | central, As: global, By: []string{rdd.WindowStart, rdd.WindowEnd}, Get: []rdd.Assign{
		{Column: "submissions", Expr: "ev_submissions(how, node, round, newest, version, samples, accuracy, params, moments, arrives, window_end, rows)"},
		{Column: "scored", Expr: "sum(scored)"}, {Column: "hits", Expr: "sum(hits)"}, {Column: "global_hits", Expr: "sum(global_hits)"},
	}}).
		Map(global, "how", f.text(optionsText), "accuracy", "hits / scored", "accuracy_global", "global_hits / scored").
		Broadcast(newest(global, false)).
		Apply(rdd.Apply{For: global, Func: "ev_advance"}).Named("rounds")
}

// sinks of nodes and rounds, and the one that all of the job sees the last row of.
func (f federation) sinks(nodes, rounds *rdd.Dataset) []*rdd.Dataset {
	return []*rdd.Dataset{
		nodes.Write(f.write("nodes", update, "node", rdd.WindowStart, rdd.WindowEnd, "n", "round", "version", "samples", "accuracy_before", "log_loss",
			"tp", "fp", "tn", "fn", "accuracy", "accuracy_global", "arrives")),
		rounds.Write(f.write("rounds", global, rdd.WindowStart, rdd.WindowEnd, "version", "nodes", "samples", "staleness", "stalest", "late", "refused",
			"reasons", "change", "bytes_up", "bytes_down", "epsilon", "accuracy", "accuracy_global")),
		rounds.Write(rdd.Write{From: global, Connector: "broadcast", Options: rdd.Options{"name": "server"},
			Columns: []string{rdd.WindowStart, "state", "version"}}).Named("server"),
	}
}
