package ev

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// optionsText is the options as the functions read them.
const optionsText = "'model=${model};seed=${seed};epochs=${epochs};batch=${batch};rate=${rate};optimiser=${optimiser};proximal=${proximal}; " +
	"method=${method};staleness=${staleness};threshold=${threshold};deadline=${deadline};max_stale=${max_stale}; " +
	"participants=${participants};stale=${stale};poison=${poison};central=${central};clip=${clip};noise=${noise}; " +
	"control=${control};budget=${budget};link=${link};warmup=${warmup};step=${step};keep=${keep}'"

// spelling puts variables into texts, as a job file does.
type spelling struct {
	vars map[string]string
	put  *strings.Replacer
}

func spell(job string, defaults, given map[string]string) (spelling, error) {
	s := spelling{vars: defaults}
	for name, text := range given {
		if _, ok := defaults[name]; !ok {
			return s, fault.New(fault.Invalid, "the job %s has no variable %q; there are %s", job, name, strings.Join(slices.Sorted(maps.Keys(defaults)), ", "))
		}
		s.vars[name] = text
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(s.vars)) {
		pairs = append(pairs, "${"+name+"}", s.vars[name])
	}
	s.put = strings.NewReplacer(pairs...)
	return s, nil
}

func (s spelling) text(t string) string { return s.put.Replace(t) }

// write is a sink of the job.
func (s spelling) write(name string, from rdd.LabelSet, columns ...string) rdd.Write {
	o := rdd.Options{"path": s.vars["out"] + "/" + name}
	if k := s.vars["sink"]; k == "console" || k == "memory" {
		o = rdd.Options{"name": s.vars["out"] + "/" + name}
	}
	return rdd.Write{From: from, Connector: s.vars["sink"], Options: o, Columns: columns}
}

// scalar is a text as a job file takes it: as a number if it is one.
func scalar(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v
	}
	return text
}

// duration reads "15m" and the long spellings of one number and one unit.
func duration(text string) (time.Duration, error) {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d, nil
	}
	number, unit, _ := strings.Cut(text, " ")
	switch strings.TrimSuffix(unit, "s") {
	case "second", "minute", "hour":
		if d, err := time.ParseDuration(number + unit[:1]); err == nil && d > 0 {
			return d, nil
		}
	case "day":
		if d, err := time.ParseDuration(number + "h"); err == nil && d > 0 {
			return 24 * d, nil
		}
	}
	return 0, fault.New(fault.Invalid, "round: expected a duration such as 1 day or 15m, got %q", text)
}
