package part

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// fileName is what a job that has travelled is called in messages.
const fileName = "job"

// Pack returns a resolved job as a job file, and the schemas of its sources, in the
// order of its reads, as Arrow IPC streams without rows.
func Pack(job *rdd.Job) (text []byte, schemas [][]byte, err error) {
	for _, d := range job.Datasets() {
		read, ok := d.Op().(rdd.Read)
		if !ok {
			continue
		}
		if read.Schema == nil {
			return nil, nil, fault.New(fault.Bug, "the source at %s has no schema yet", d.At(""))
		}
		var b bytes.Buffer
		if err := ipc.NewWriter(&b, ipc.WithSchema(read.Schema)).Close(); err != nil {
			return nil, nil, fault.New(fault.Bug, "the schema of the source at %s: %w", d.At(""), err)
		}
		schemas = append(schemas, b.Bytes())
	}
	return jobfile.Reveal(job), schemas, nil
}

// Unpack reads what Pack has made. The functions do not travel: they are those of the
// program.
func Unpack(text []byte, schemas [][]byte, kinds connectors.Registry, functions fn.Set) (*rdd.Job, error) {
	job, err := jobfile.Parse(fileName, text, nil, kinds)
	if err != nil {
		return nil, err
	}
	known, next := map[*rdd.Dataset]*rdd.Dataset{}, 0
	for _, d := range job.Datasets() {
		parents := make([]*rdd.Dataset, 0, len(d.Parents()))
		for _, p := range d.Parents() {
			parents = append(parents, known[p])
		}
		op := d.Op()
		if read, ok := op.(rdd.Read); ok {
			if next == len(schemas) {
				return nil, fault.New(fault.Invalid, "the job has more than the %d sources that it came with", next)
			}
			if read.Schema, err = schemaOf(schemas[next]); err != nil {
				return nil, err
			}
			next++
			op = read
		}
		known[d] = d.With(op, parents...)
	}
	if next < len(schemas) {
		return nil, fault.New(fault.Invalid, "the job has %d sources, and came with %d", next, len(schemas))
	}
	out := *job
	out.Sinks = nil
	for _, s := range job.Sinks {
		out.Sinks = append(out.Sinks, known[s])
	}
	return out.Using(functions), nil
}

// schemaOf reads the schema of an Arrow IPC stream.
func schemaOf(b []byte) (*arrow.Schema, error) {
	r, err := ipc.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the schema of a source cannot be read: %w", err)
	}
	defer r.Release()
	return r.Schema(), nil
}
