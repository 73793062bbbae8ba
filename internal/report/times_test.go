package report

import (
	"testing"
	"time"
)

// Ticks are where their labels say, and few.
func TestTimes(t *testing.T) {
	start := time.Date(2026, 1, 5, 7, 13, 0, 0, time.UTC)
	for span, first := range map[time.Duration]string{
		20 * time.Minute:           "01-05 07:15",
		10 * time.Hour:             "01-05 09:00",
		5 * 24 * time.Hour:         "2026-01-06",
		50 * 365 * 24 * time.Hour:  "",
		0:                          "",
		90 * time.Second:           "01-05 07:13",
		200 * 365 * 24 * time.Hour: "",
	} {
		ticks := times{}.Ticks(float64(start.Unix()), float64(start.Add(span).Unix()))
		if len(ticks) > someTicks+1 {
			t.Errorf("%s: %d ticks", span, len(ticks))
		}
		for _, k := range ticks {
			at := time.Unix(int64(k.Value), 0).UTC()
			if k.Label != at.Format("01-02 15:04") && (k.Label != at.Format("2006-01-02") || at.Truncate(24*time.Hour) != at) {
				t.Errorf("%s: %q at %s", span, k.Label, at)
			}
		}
		if first != "" && (len(ticks) == 0 || ticks[0].Label != first) {
			t.Errorf("%s: %v, want %s first", span, ticks, first)
		}
	}
}
