package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/spf13/pflag"
)

// What the measurement clients runs: so many clients a car, each with the minutes that
// leave its remainder, for so many days, each one round.
const (
	clientsACar   = 20
	clientDays    = 4
	eventsAClient = 17 // a day, about
)

// clientsFlags are the settings of the measurement clients.
type clientsFlags struct{ sizes []int64 }

func (f *clientsFlags) add(fs *pflag.FlagSet) {
	fs.Int64SliceVar(&f.sizes, "clients", []int64{100, 1_000, 10_000, 100_000}, "`clients` of one job, for clients: multiples of 20")
}

// benchClients measures the federated round with many clients.
func benchClients() measurement {
	return measurement{
		name: "clients",
		doc:  "the federated round of the job ev with up to 100,000 simulated clients in one job: time, bytes and memory",
		figures: func(f *benchFlags) [][2]string {
			var out [][2]string
			for _, n := range f.clients.sizes {
				who := thousands(n)
				out = append(out,
					[2]string{fmt.Sprint("round_s_", n), "time of a round of " + who + " clients, from the commit of the round before to its own: read the day's events, gather each client's, train 221 parameters on them in one pass, aggregate"},
					[2]string{fmt.Sprint("rss_bytes_", n), "most memory of the process that runs such rounds, all of it"},
					[2]string{fmt.Sprint("bytes_up_", n), "of models that clients submit in a round"},
					[2]string{fmt.Sprint("bytes_down_", n), "of the global model on its way to all clients"},
					[2]string{fmt.Sprint("events_", n), "that are learned from in a round"})
			}
			return out
		},
		run: func(ctx context.Context, s *session, f *benchFlags) (bench.Samples, error) {
			return s.measureClients(ctx, f)
		},
	}
}

func (s *session) measureClients(ctx context.Context, f *benchFlags) (got bench.Samples, err error) {
	for _, n := range f.clients.sizes {
		if n < clientsACar || n%clientsACar != 0 {
			return nil, fault.New(fault.Invalid, "--clients: expected multiples of %d, got %d", clientsACar, n)
		}
	}
	dir, err := os.MkdirTemp("", "idag-bench-")
	if err != nil {
		return nil, fault.Wrap(fault.Retry, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	got = bench.Samples{}
	for _, n := range f.clients.sizes {
		if s.errs.terminal {
			fmt.Fprintf(s.io.Err, "\r\x1b[K%s clients", thousands(n))
		}
		if err := clients(ctx, got, n, f.seed, filepath.Join(dir, fmt.Sprint(n))); err != nil {
			return nil, err
		}
	}
	if s.errs.terminal {
		fmt.Fprint(s.io.Err, "\r\x1b[K")
	}
	return got, nil
}

// clients runs rounds of n clients in a process of its own.
func clients(ctx context.Context, got bench.Samples, n, seed int64, out string) error {
	// A batch is about an eighth of a day, so that a round reads its own events.
	rows := min(max(eventsAClient*n/8, 200), 1<<18)
	args := []string{"run", "ev", "--no-ledger", "--json", "--schedule", "rounds", "--batch-rows", fmt.Sprint(rows)}
	for name, value := range map[string]any{"sink": "json", "out": out, "trips": clientDays, "cars": n / clientsACar, "round": "24h", "seed": seed, "epochs": 1,
		"client": fmt.Sprintf("concat(car_id, '/', CAST(minute(timestamp) %% %d AS string))", clientsACar)} {
		args = append(args, "--set", fmt.Sprintf("%s=%v", name, value))
	}
	ran, err := program(ctx, args...)
	if err != nil {
		return err
	}
	sum, err := lastLine(ran.out)
	if err != nil {
		return err
	}
	took, err := roundTimes(bytes.NewReader(ran.out))
	if err != nil {
		return err
	}
	rounds, err := readRounds(filepath.Join(out, "rounds"))
	if err != nil {
		return err
	}
	if len(rounds) != clientDays || len(took) != clientDays {
		return fault.New(fault.Bug, "%d rounds were told and %d committed, expected %d", len(rounds), len(took), clientDays)
	}
	got.Add(fmt.Sprint("rss_bytes_", n), "B", float64(sum.PeakRSSBytes))
	for i, r := range rounds {
		if r.Nodes != n {
			return fault.New(fault.Bug, "%d of %d clients are in round %d", r.Nodes, n, i+1)
		}
		if r.Version < 2 {
			continue // the first round agrees on the scale of features and trains nobody
		}
		got.Add(fmt.Sprint("round_s_", n), "s", took[r.Version-1].Seconds())
		got.Add(fmt.Sprint("bytes_up_", n), "B", float64(r.Up))
		got.Add(fmt.Sprint("bytes_down_", n), "B", float64(r.Down))
		got.Add(fmt.Sprint("events_", n), "", float64(r.Samples))
	}
	return os.RemoveAll(out)
}

// roundTimes gives the time between the commits of rounds, the first from the start: a
// round is what a batch writes, of those that write something.
func roundTimes(lines io.Reader) ([]time.Duration, error) {
	var out []time.Duration
	var before float64
	var written int64
	for in := bufio.NewScanner(lines); in.Scan(); {
		var line batchLine
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			return nil, fault.New(fault.Bug, "a batch is told as %.100s: %w", in.Bytes(), err)
		}
		if line.Batch == 0 || line.RowsOut == written {
			continue
		}
		out = append(out, time.Duration((line.Seconds-before)*float64(time.Second)))
		written, before = line.RowsOut, line.Seconds
	}
	return out, nil
}

// clientRound is a row of the output rounds.
type clientRound struct {
	Version int64 `json:"version"`
	Nodes   int64 `json:"nodes"`
	Samples int64 `json:"samples"`
	Up      int64 `json:"bytes_up"`
	Down    int64 `json:"bytes_down"`
}

// readRounds reads what was written of rounds.
func readRounds(dir string) ([]clientRound, error) {
	var out []clientRound
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "_") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(b) {
			var r clientRound
			if err := json.Unmarshal(line, &r); err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	})
	if err != nil {
		return nil, fault.New(fault.Bug, "rounds: %w", err)
	}
	return out, nil
}

// clientsNotes are the settings as they are printed.
func (f *benchFlags) clientsNotes() map[string]string {
	return map[string]string{"data": fmt.Sprintf("clients %s, %d a car, seed %d, %d days, a round a day, one pass of training",
		strings.Trim(fmt.Sprint(f.clients.sizes), "[]"), clientsACar, f.seed, clientDays)}
}
