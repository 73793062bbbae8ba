# idag needs Go, make and git; everything else comes through the Go proxy.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)
LINT    := go tool -modfile=tools/go.mod golangci-lint
PKG     ?= ./...
FUZZTIME ?= 5m
CHECKS  ?= 2000
SOAK    ?= 600
JOBS    ?= 200
RUNS    ?= 40
FAULTS  ?= 300
MUTANTS ?= .

# Where random tests begin: the same for everybody (docs/decisions/0025). 0 draws a seed.
export RAPID_SEED ?= 20261122

# The properties that the whole engine is held to, over random jobs.
PROPERTIES := ^Test(Invariant|CutsDoNotMatter|HalfProcessed|FalseClaims|CachedRuns|ListsAreOfTheRow)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/idag, a static binary
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/idag ./cmd/idag

demo: build ## run the meter job both ways over 2,000,000 events and compare
	bin/idag demo

test: ## run all tests (PKG=./driver/... for some)
	go test -timeout 5m $(PKG)

check: fmt-check vet lint plan docs race ## format, vet, lint, floor plan, generated docs, tests with -race

fmt: ## format the code
	gofmt -w $$(git ls-files -co --exclude-standard '*.go')

fmt-check:
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$bad" ]; then echo "not formatted (make fmt):"; echo "$$bad"; exit 1; fi

vet:
	go vet $(PKG)

lint: ## run the linters of .golangci.yml, at the version in tools/go.mod
	$(LINT) run $(PKG)

plan: ## hold the tree to its floor plan and its budget
	go test -count=1 ./internal/floorplan

# The packages with tests that match a pattern.
with = $$(grep -rlE --include='*_test.go' '$(1)' . | xargs -n1 dirname | sort -u)

docs: ## check that the generated pages in docs/ are up to date
	go test -count=1 -run '^TestDocs' $(call with,^func TestDocs)

docs-write: ## write the generated pages in docs/ anew
	go test -count=1 -run '^TestDocs' $(call with,^func TestDocs) -update

pictures: build ## draw docs/plan.svg anew
	@dir=$$(mktemp -d) && bin/idag generate --rows 100000 --out $$dir/data/meter >/dev/null && \
	(cd $$dir && $(CURDIR)/bin/idag plan meter --svg $(CURDIR)/docs/plan.svg --set path=data/meter); rm -rf $$dir

golden: ## write the golden scripts anew: read the difference
	go test -count=1 $(call with,flag.Bool.*rewrite) -rewrite

race: ## run all tests with the race detector, which needs a C compiler
	@if [ "$$(go env CGO_ENABLED)" = 1 ]; then go test -race -timeout 15m $(PKG); \
	else echo "skipped: tests with -race (no C compiler)"; fi

bench: build ## measure: Go benchmarks, then the replay of a data set
	go test -run '^$$' -bench . -benchmem -benchtime 200ms $(PKG)
	bin/idag bench replay
	bin/idag bench start

invariant: ## hold 2,000 random jobs to the invariant, by every plan, a quarter as many to its other sides (CHECKS=n)
	go test -count=1 -timeout 30m -run '^TestInvariant$$' ./internal/engine -args -rapid.checks=$(CHECKS)
	go test -count=1 -timeout 30m -run '$(PROPERTIES)' -skip '^TestInvariant$$' ./internal/engine -args -rapid.checks=$$(($(CHECKS) / 4))

processes: ## hold random jobs to the invariant on executors that are processes (JOBS=n, 200)
	IDAG_PROCESSES=$(JOBS) go test -count=1 -timeout 10m -run '^Test(Jobs|Invariant)OnProcesses$$' ./internal/engine

soak: ## the same over ever new jobs until it fails, or for SOAK seconds (600)
	@end=$$(($$(date +%s) + $(SOAK))); round=0; while [ $$(date +%s) -lt $$end ]; do round=$$((round + 1)); \
		go test -count=1 -timeout 60m -run '$(PROPERTIES)' ./internal/engine -args -rapid.checks=$(CHECKS) -rapid.seed=$$((RANDOM << 30 | RANDOM << 15 | RANDOM)) || exit 1; \
		echo "round $$round of $(CHECKS) jobs a property"; done

mutants: ## break every proof on purpose: the property tests must find it (writes docs/mutants.md; MUTANTS='a name|stale')
	IDAG_MUTANTS='$(MUTANTS)' go test -count=1 -timeout 180m -v -run '^TestMutants$$' ./internal/mutants

bench-bypass: build ## make the experiments of the I-DAG paper, and their report in docs/evaluation
	bin/idag bench bypass --report docs/evaluation

crash: build ## kill the program more than a hundred times: nothing may be lost or doubled
	bin/idag bench crash --kills 100

chaos: build ## hurt 40 clusters 300 times while they work: what they publish is what was generated (eight minutes; RUNS=n, FAULTS=n)
	bin/idag bench chaos --runs $(RUNS) --faults $(FAULTS) --tell

simulate: build ## measure the driver's decisions over 1,000 and 10,000 simulated executors
	bin/idag bench schedule --runs 3

fuzz: ## fuzz every target for FUZZTIME
	@grep -rE --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]+' . | sort | while IFS=: read -r file func; do \
		name=$${func#func }; echo "$$(dirname "$$file") $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; done

interop: ## test against other Parquet libraries, in a module of their own
	cd internal/interop && go vet ./... && go test -timeout 10m ./...

reference: build ## compare what the jobs compute with DuckDB (needs Python 3; fetches its wheel)
	@if python3 -m venv .cache/reference 2>/dev/null && .cache/reference/bin/pip -q --disable-pip-version-check install 'duckdb>=1.4' 2>/dev/null; then \
		.cache/reference/bin/python testdata/reference/reference.py bin/idag "$${IDAG_DATA:-../shared/data}"; \
	else echo "skipped: reference answers (no Python 3 with DuckDB)"; fi

clean: ## remove what the build and the measurements made: bin, profiles, test binaries
	rm -rf bin .cache
	find . \( -path ./.git -o -path ./data -o -path ./out \) -prune -o -type f \( -name '*.prof' -o -name '*.test' \) -exec rm -f {} +

.PHONY: help build demo test check fmt fmt-check vet lint plan docs docs-write golden race bench bench-bypass processes simulate chaos crash fuzz interop reference clean
