package floorplan

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func module(t *testing.T) *Tree {
	t.Helper()
	tree, err := Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Files) < 10 {
		t.Fatalf("only %d files: this is not the module's root", len(tree.Files))
	}
	return tree
}

// The module keeps to its floor plan: imports point down only, rooms on one
// floor never see each other, and anything not listed is forbidden.
func TestModuleKeepsFloorPlan(t *testing.T) {
	bad, err := Violations(Plan, module(t).Imports())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range bad {
		t.Error(v)
	}
}

// Every folder with Go code is a room, also one that imports nothing.
func TestModuleHasNoOtherRooms(t *testing.T) {
	all, err := rooms(Plan)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range module(t).Rooms() {
		if _, _, ok := find(all, dir); !ok {
			t.Errorf("the folder %s is not on the floor plan", dir)
		}
	}
}

// The module keeps to its budget.
func TestModuleKeepsBudget(t *testing.T) {
	for _, b := range module(t).Broken(House()) {
		t.Error(b)
	}
}

// The architecture page shows the floor plan that the tests enforce.
func TestArchitectureShowsPlan(t *testing.T) {
	page, err := os.ReadFile("../../docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "\n```\n"+strings.TrimPrefix(Plan, "\n")+"```\n") {
		t.Error("docs/ARCHITECTURE.md does not show the floor plan of internal/floorplan/floorplan.go word for word")
	}
}
