package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/explain"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// drawPicture draws a job and makes the picture of two plans of it.
func drawPicture(t *rapid.T) (Picture, *twin.Case) {
	c := twin.Draw(t, nil)
	var p Picture
	var figures []explain.Figures
	for _, mode := range []planner.Mode{planner.Masked, planner.IDAG} {
		plan, err := planner.Compile(c.Job, mode)
		if err != nil {
			t.Fatal(err)
		}
		p.Plans = append(p.Plans, plan)
		figures = append(figures, explain.Estimate(plan, []rdd.Split{{Rows: 1000, Bytes: 5000}}))
	}
	p.Rows = explain.Compare(p.Plans[1], figures[0], figures[1], nil)
	return p, c
}

// TestPicturesAreXML proves that whatever names and expressions a job has, its
// picture is well-formed and always the same.
func TestPicturesAreXML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, c := drawPicture(t)
		p.Plans[0].Job.Name = rapid.String().Draw(t, "name")
		var first, again strings.Builder
		if err := errors.Join(p.Write(&first), p.Write(&again)); err != nil {
			t.Fatal(err)
		}
		if first.String() != again.String() {
			t.Fatal("the picture is another the second time")
		}
		for d := xml.NewDecoder(strings.NewReader(first.String())); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v\n%s\n%s", err, c, first.String())
			}
		}
	})
}

// TestBoxesKeepApart proves that no two boxes of a stage overlap, that all lie within
// it, and that stages do not overlap either.
func TestBoxesKeepApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, c := drawPicture(t)
		for _, plan := range p.Plans {
			panel := p.panel(plan)
			var stages []area
			for _, s := range panel.stages {
				whole := area{s.x, s.y, s.width, s.height, s.title}
				var boxes []area
				inside(s.root, func(b *box) { boxes = append(boxes, area{s.x + b.x, s.y + b.y, boxWidth, boxHeight, b.title}) })
				for _, b := range boxes {
					if b.x < whole.x || b.y < whole.y || b.x+b.w > whole.x+whole.w+0.01 || b.y+b.h > whole.y+whole.h+0.01 {
						t.Fatalf("%v is not within %v\n%s", b, whole, c)
					}
				}
				apart(t, boxes)
				stages = append(stages, whole)
			}
			apart(t, stages)
			for _, s := range stages {
				if s.x < 0 || s.y < 0 || s.x+s.w > panel.width+0.01 || s.y+s.h > panel.height+0.01 {
					t.Fatalf("%v is not within a picture of %v by %v", s, panel.width, panel.height)
				}
			}
		}
	})
}

type area struct {
	x, y, w, h float64
	name       string
}

func (a area) String() string {
	return fmt.Sprintf("%s at %.0f,%.0f of %.0f by %.0f", a.name, a.x, a.y, a.w, a.h)
}

func apart(t *rapid.T, list []area) {
	for i, a := range list {
		for _, b := range list[:i] {
			if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
				t.Fatalf("%v overlaps %v", a, b)
			}
		}
	}
}

func inside(b *box, f func(*box)) {
	f(b)
	for _, n := range b.next {
		inside(n, f)
	}
}

// TestPictureShowsWhatIsLeftOut proves that the operations an I-DAG plan leaves out
// are ghosts with their reason, in its panel only.
func TestPictureShowsWhatIsLeftOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _ := drawPicture(t)
		for i, plan := range p.Plans {
			ghosts := map[string]bool{}
			for _, s := range p.panel(plan).stages {
				inside(s.root, func(b *box) {
					if b.ghost {
						ghosts[b.text] = true
						for _, name := range strings.Fields(b.title) {
							ghosts[b.text+" "+name] = true
						}
					}
				})
			}
			if i == 0 && len(ghosts) > 0 {
				t.Fatalf("the linear plan leaves out %v", ghosts)
			}
			m := &maker{plan: plan}
			for s := range plan.Stages {
				for _, skipped := range plan.Stages[s].Root.Skipped {
					if want := string(skipped.Reason) + " " + m.name(skipped.Op); !ghosts[want] {
						t.Fatalf("%q is not among %v", want, ghosts)
					}
				}
			}
		}
	})
}
