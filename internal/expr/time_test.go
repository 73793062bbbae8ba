package expr

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestCivil proves the calendar against the standard library, over all days of
// timestamps and, for the far form, of dates.
func TestCivil(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.OneOf(rapid.Int64Range(-1<<31, 1<<31-1), rapid.Int64Range(-106751992, 106751991), rapid.Int64Range(-800000, 800000)).Draw(t, "days")
		at := time.Unix(days*86400, 0).UTC()
		y, m, d := civil(days)
		fy, fm, fd := civilFar(days)
		if y != int64(at.Year()) || m != int64(at.Month()) || d != int64(at.Day()) || y != fy || m != fm || d != fd {
			t.Fatalf("day %d is %d-%d-%d or %d-%d-%d, want %v", days, y, m, d, fy, fm, fd, at)
		}
		if back := daysOf(y, m, d); back != days {
			t.Fatalf("%d-%d-%d is day %d, want %d", y, m, d, back, days)
		}
		us := days % 106751991 * usDay
		at = time.UnixMicro(us).UTC()
		if _, week := at.ISOWeek(); weekOf(us) != int64(week) || weekdayOf(us) != int64(at.Weekday())+1 || yeardayOf(us) != int64(at.YearDay()) {
			t.Fatalf("fields of %v", at)
		}
	})
}

// TestTimeText proves that what is printed reads back as the same time.
func TestTimeText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Range(-62135596800*usSecond, 253402300799*usSecond).Draw(t, "us")
		text := string(appendTimestamp(nil, us))
		if want := time.UnixMicro(us).UTC().Format("2006-01-02 15:04:05.999999"); text != want {
			t.Fatalf("%d prints as %s, want %s", us, text, want)
		}
		if back, ok := parseTimestamp(text); !ok || back != us {
			t.Fatalf("%s reads as %d, want %d", text, back, us)
		}
		if d, ok := parseDate(text[:10]); !ok || int64(d) != floorDiv(us, usDay) {
			t.Fatalf("%s reads as %d", text[:10], d)
		}
	})
}

// TestIntervalText proves the round trip of intervals.
func TestIntervalText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Min(-1<<62).Draw(t, "us")
		if back, msg := parseInterval(intervalText(us)); back != us || msg != "" {
			t.Fatalf("%d prints as %s, which is %d %s", us, intervalText(us), back, msg)
		}
	})
}
