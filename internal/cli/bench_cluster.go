package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/bench/rig"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/wire"
)

const (
	clusterBlock  = 64 << 20 // bytes of a block that is moved
	clusterGossip = 100      // nodes that gossip
	pacedRows     = 16_000   // of a job during which nodes are killed
	pacedRate     = 4000     // of them a second
	pacedKill     = 20       // the batch behind which a node is killed
)

// benchCluster compares a cluster of processes with one process, and measures what its
// parts take.
func benchCluster() measurement {
	return measurement{
		name: "cluster",
		doc:  "a cluster of processes on this machine: against one process, and until it has got over the death of a node",
		figures: func(*benchFlags) [][2]string {
			return [][2]string{
				{"cluster_over_local", fmt.Sprintf("rows a second of a combining reduce, which reads all events %d times, on two executors that are processes ÷ on two executors in one process; aim at least 0.85", readAgain)},
				{"local_rows_per_second", "of the latter; the time is that of the run, without the start of processes"},
				{"cluster_rows_per_second", "of the former"},
				{"short_cluster_over_local", "the same for a job that reads all events once: what a run on a cluster costs once counts"},
				{"short_local_rows_per_second", "of one process"},
				{"short_cluster_rows_per_second", "of two"},
				{"shuffle_cluster_over_local", "the same for a job that shuffles every row, 48 bytes of it"},
				{"shuffle_local_rows_per_second", "of one process"},
				{"shuffle_cluster_rows_per_second", "of two"},
				{"recovery_executor_s", "from the kill of one of three executors until a batch that was cut behind it is committed by the others; aim at most 2"},
				{"failover_s", "the same for the driver, and one that stands by; aim at most 5"},
				{"block_gbps", "GB of column values a second from process memory over the loopback into arrays, over Arrow Flight"},
				{"block_lz4_gbps", "the same, compressed, as blocks are between executors"},
				{"grpc_gbps", "the same bytes in plain gRPC messages, into bytes"},
				{"gossip_converged_s", "until 100 nodes in one process see each other, from the start of the first"},
				{"gossip_spread_s", "until all of them have heard what one announced"},
				{"gossip_detected_s", "until all of them have seen that one died"},
			}
		},
		run: func(ctx context.Context, s *session, f *benchFlags) (bench.Samples, error) {
			return s.measureCluster(ctx, f)
		},
	}
}

// clustered measures a cluster.
type clustered struct {
	s    *session
	f    *benchFlags
	dir  string
	path string // of the data set
	long string // of the same files, readAgain times
	rig  *rig.Rig
	got  bench.Samples
	runs int
}

func (s *session) measureCluster(ctx context.Context, f *benchFlags) (got bench.Samples, err error) {
	dir, err := os.MkdirTemp("", "idag-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m := &clustered{s: s, f: f, dir: dir, got: bench.Samples{}}
	if m.path, err = s.benchData(ctx, f, filepath.Join(dir, "events")); err != nil {
		return nil, err
	}
	if m.path, err = filepath.Abs(m.path); err != nil {
		return nil, err
	}
	if m.long, err = again(m.path, filepath.Join(dir, "again")); err != nil {
		return nil, err
	}
	if err := m.compare(ctx); err != nil {
		return nil, err
	}
	for range f.runs {
		if err := errors.Join(m.kill(ctx, false), m.kill(ctx, true), m.blocks(ctx), m.gossip(ctx)); err != nil {
			return nil, err
		}
	}
	return m.got, nil
}

// start starts a cluster of this program.
func (m *clustered) start(ctx context.Context, drivers, executors int) (*rig.Rig, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	m.runs++
	return rig.Start(ctx, rig.Config{Program: []string{self}, Dir: filepath.Join(m.dir, fmt.Sprint("cluster", m.runs)), Drivers: drivers, Executors: executors})
}

// compare runs each job in turn in this process and on a cluster that stays.
func (m *clustered) compare(ctx context.Context) (err error) {
	if m.rig, err = m.start(ctx, 1, 2); err != nil {
		return err
	}
	defer m.rig.Close()
	for _, j := range []struct{ prefix, text, path string }{{"", combining, m.long}, {"short_", combining, m.path}, {"shuffle_", shuffling, m.path}} {
		list := []bench.Contender{
			{Name: "one process", Run: func(ctx context.Context) (bench.Outcome, error) { return m.here(ctx, j.text, j.path) }},
			{Name: "cluster", Run: func(ctx context.Context) (bench.Outcome, error) { return m.there(ctx, j.text, j.path) }},
		}
		err := bench.Rounds(ctx, m.f.runs, list, func(round []bench.Outcome) {
			here, there := perSecond(round[0]), perSecond(round[1])
			m.got.Add(j.prefix+"local_rows_per_second", "rows/s", here)
			m.got.Add(j.prefix+"cluster_rows_per_second", "rows/s", there)
			m.got.Add(j.prefix+"cluster_over_local", "", there/here)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readAgain is how often a job reads all events that is to tell what a row costs on a
// cluster, and not what a run does.
const readAgain = 4

// again makes a directory in which the files of another one lie readAgain times.
func again(path, to string) (string, error) {
	for i := range readAgain {
		err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(path, file)
			if err != nil || d.IsDir() {
				return errors.Join(err, os.MkdirAll(filepath.Join(to, fmt.Sprint(i), rel), 0o755))
			}
			return os.Symlink(file, filepath.Join(to, fmt.Sprint(i), rel))
		})
		if err != nil {
			return "", err
		}
	}
	return to, nil
}

func perSecond(o bench.Outcome) float64 { return float64(o.Rows) / o.Wall.Seconds() }

// here runs a job in this process, with two executors, a ledger and checkpoints as the
// cluster has them.
func (m *clustered) here(ctx context.Context, text, path string) (out bench.Outcome, err error) {
	m.runs++
	dir := filepath.Join(m.dir, fmt.Sprint("here", m.runs))
	job, err := jobfile.Parse("bench.yaml", fmt.Appendf(nil, text, path, filepath.Join(dir, "out")), nil, m.s.app.Kinds)
	if err != nil {
		return out, err
	}
	sum, err := m.s.app.Engine.Run(ctx, job, engine.Config{Executors: 2, Kinds: m.s.app.Kinds, Ledger: filepath.Join(dir, "ledger")})
	if err != nil {
		return out, err
	}
	return bench.Outcome{Wall: time.Duration(sum.WallSeconds * float64(time.Second)), Rows: sum.RowsIn, RowsOut: sum.RowsOut, Checksum: sum.Checksum}, os.RemoveAll(dir)
}

// there runs a job on the cluster.
func (m *clustered) there(ctx context.Context, text, path string) (out bench.Outcome, err error) {
	m.runs++
	dir := filepath.Join(m.dir, fmt.Sprint("there", m.runs))
	j, err := m.submit(ctx, m.rig, dir, fmt.Sprintf(text, path, filepath.Join(dir, "out")))
	if err != nil {
		return out, err
	}
	sum, err := j.Wait()
	if err != nil {
		return out, err
	}
	return bench.Outcome{Wall: time.Duration(sum.WallSeconds * float64(time.Second)), Rows: sum.RowsIn, RowsOut: sum.RowsOut, Checksum: sum.Checksum}, os.RemoveAll(dir)
}

func (m *clustered) submit(ctx context.Context, r *rig.Rig, dir, text string) (*rig.Job, error) {
	file := filepath.Join(dir, "bench.yaml")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		return nil, err
	}
	return r.Submit(ctx, file)
}

// kill kills an executor, or the driver, in the middle of a job, and waits until the
// others have got over it. The cluster is new, so that all nodes are as usual.
func (m *clustered) kill(ctx context.Context, driver bool) error {
	drivers := 1
	if driver {
		drivers = 2
	}
	r, err := m.start(ctx, drivers, 3)
	if err != nil {
		return err
	}
	defer r.Close()
	dir := filepath.Join(m.dir, fmt.Sprint("kill", m.runs))
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	j, err := m.submit(ctx, r, dir, fmt.Sprintf(pacedJob, pacedRows, pacedRate, filepath.Join(dir, "out")))
	if err != nil {
		return err
	}
	figure, victim := "recovery_executor_s", r.Executors()[0]
	if driver {
		figure, victim = "failover_s", r.Driver()
		for !r.Drivers()[1].StandsBy() && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if !j.Reach(ctx, pacedKill) {
		_, err := j.Wait()
		return fault.New(fault.Bug, "the job has ended too soon: %w", err)
	}
	began := time.Now()
	victim.Kill()
	took, ok := j.Recovers(ctx, began)
	sum, err := j.Wait()
	switch {
	case err != nil:
		return err
	case !ok || sum.RowsIn != pacedRows:
		return fault.New(fault.Bug, "%w: %d of %d rows were read", errWrong, sum.RowsIn, pacedRows)
	}
	m.got.Add(figure, "s", took.Seconds())
	return os.RemoveAll(dir)
}

// blocks moves blocks.
func (m *clustered) blocks(ctx context.Context) error {
	r, err := wire.TrialBlocks(ctx, clusterBlock)
	if err != nil {
		return err
	}
	m.got.Add("block_gbps", "GB/s", r.BlockGBps)
	m.got.Add("block_lz4_gbps", "GB/s", r.LZ4GBps)
	m.got.Add("grpc_gbps", "GB/s", r.GRPCGBps)
	return nil
}

// gossip lets nodes gossip.
func (m *clustered) gossip(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	r, err := gossip.Trial(ctx, clusterGossip)
	if err != nil {
		return err
	}
	m.got.Add("gossip_converged_s", "s", r.Converged.Seconds())
	m.got.Add("gossip_spread_s", "s", r.Spread.Seconds())
	m.got.Add("gossip_detected_s", "s", r.Detected.Seconds())
	return nil
}

// combining sends groups from executor to executor, and not rows.
const combining = `job: combining
labels: [error, backup, information]
datasets:
  sums:
    - read: {parquet: %q}
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - reduce: {by: [meter], get: {n: count(), wh: sum(wh), back: sum(back), mv: max(mv), last: max(ts)}}
    - write: {parquet: {path: %q, mode: overwrite}}
`

// shuffling sends every row: a time, codes of two strings and four floats, 48 bytes.
const shuffling = `job: shuffling
labels: [error, backup, information]
datasets:
  sums:
    - read: {parquet: %q}
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - shuffle: {by: meter}
    - reduce: {by: [feeder], get: {n: count(), wh: sum(wh), back: sum(back), mv: max(mv), ma: max(ma), last: max(ts)}}
    - write: {parquet: {path: %q, mode: overwrite}}
`

// pacedJob has one batch under way at a time and state all the while: the second batch
// behind the death of a node needs another one for whatever that did.
const pacedJob = `job: paced
labels: [error, backup, information]
settings: {batch_rows: 200, in_flight: 1, checkpoint_every: 200 ms, key_groups: 6}
datasets:
  hourly:
    - read: {generate: {events: meter, rows: %d, rate: %d, partitions: 3, meters: 60}}
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - window: {time: ts, tumbling: 1 hour}
    - reduce: {from: [backup, information], by: [meter, window_start], get: {wh: sum(wh), n: count()}}
    - write: {json: %q}
`
