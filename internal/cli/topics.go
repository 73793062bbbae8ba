package cli

import "github.com/spf13/cobra"

// newOutput is a help topic, not a command: what a machine reads.
func newOutput() *cobra.Command {
	return &cobra.Command{
		Use:   "output",
		Short: "What --json prints, and the exit status",
		Long: `With --json, run and replay print one JSON object a batch and the summary last, all
on standard output; what a console sink writes goes to standard error then.

A batch:
  batch         its number, from 1
  rows          rows read by the batches so far
  rows_total    rows that the sources will give altogether; left out where unknown
  rows_out      rows written by the batches so far
  watermark     event time up to which windows have left, RFC 3339; left out at first
  seconds       since the start of the run

The summary:
  job, digest   the job's name; the digest of everything that decides the rows
  plan          linear or idag
  form          of the linear plan: masked, selection or staged; left out for idag
  batches       micro-batches committed
  rows_in       rows of the sources: tagged, pruned and dead-lettered at entry
  rows_tagged   rows that got a label
  rows_pruned   rows left out before they were decoded, by proof
  rows_unbound  rows under a header that was written for others; they are taken as they are
  rows_out      rows written to sinks
  dead_letters  rows that could not be labelled or computed, late ones included
  dead_letter_reasons
                the dead letters: reason, operation, rows; left out if there are none
  late          rows whose window had left
  checksum      sum modulo 2^128 over the result rows, dead letters included, of
                xxh3-128 of each row's label and non-null columns by name
  wall_seconds, rows_per_second, peak_rss_bytes
  tasks_again   tasks sent out again: lost, late, failed, or for their state
  bypassed      rows that passed by an operation: reason, label, operation, rows
  labelling_seconds    time in the five steps of labelling, over all executors:
                ingest (read and decode), queue (a batch waits for an executor),
                tag, hash and dispatch
  operations    what each operation did: operation, label, then rows in and out, and
                nulled, the results that overflowed or could not be computed
  locator       how good the predictions were by which tasks were made and put in order,
                one for each source and label: source, route, tasks, stage_loss, the
                share of tasks whose rows entered elsewhere, cost_loss_s2, the mean
                squared error of the cost, and cost_error_of_mean, its root by the mean
  stopped       where the sources stand after Ctrl-C; left out at the end of input

bench --json prints one object: bench, machine, version, settings, and figures, each
with median, min, max, n and unit. check, plan and the other commands print text
unless they say otherwise. Progress goes to standard error: a bar on a terminal,
else at most a line a second. NO_COLOR turns colours off.

Exit status: 0 success; 1 failure; 2 a mistake of the user's, which is printed at
its file, line and column.`,
	}
}
