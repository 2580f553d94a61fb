# Real targets only; `make` alone lists them. `make test` needs nothing but Go.

# Strict bash in every recipe, and no half-written files.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --warn-undefined-variables

GO ?= go
GOLANGCI_VERSION := v2.15.0
# Where `go install` puts programs, and where lint looks for its own.
GOBIN := $(shell $(GO) env GOPATH)/bin
LAB := remote/lab/lab.sh
PART ?=
VM ?=

.PHONY: help build demo test race lint fmt golden fuzz faults lab-up lab-test lab-faults lab-faults-pick lab-down

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./aslwiz
	$(GO) build -trimpath -o aslwiz ./cmd/aslwiz

demo: ## rehearse the whole page on a practice server in memory; Enter alone goes to the end
	$(GO) run ./cmd/aslwiz practice

test: ## run the tests; no network, no lab
	$(GO) test ./...

race: ## run the tests with the race detector; needs a C compiler
	$(GO) test -race ./...

lint: ## go vet and golangci-lint, at the version that .ci/run installs
	$(GO) vet ./...
	@found=$$("$(GOBIN)/golangci-lint" version --short 2>/dev/null || true); \
	if [ "v$$found" != "$(GOLANGCI_VERSION)" ]; then \
		echo "golangci-lint $(GOLANGCI_VERSION) is not at $(GOBIN) (found: $${found:-nothing}); install it with:" >&2; \
		echo "  go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)" >&2; \
		exit 1; \
	fi
	"$(GOBIN)/golangci-lint" run ./...

fmt: ## format the Go code
	"$(GOBIN)/golangci-lint" fmt ./...

golden: ## write the golden files anew; look at the diff before you commit it
	$(GO) test ./checklist -update-answers -update-steps -update-plans -update-ipsec
	$(GO) test ./tui -update-screens
	$(GO) test ./cmd/aslwiz -run TestTheWizardFromStartToHandOff -update-docs

FUZZTIME ?= 10s
FUZZERS := checklist:FuzzParseAnswers checklist:FuzzFacts checklist:FuzzTunnelStatus checklist:FuzzJudge checklist:FuzzCompare checklist:FuzzReportMarkdown \
	remote:FuzzFrame remote:FuzzReport remote:FuzzSurvey remote:FuzzParseSurvey remote:FuzzLog remote:FuzzMaskAcrossPieces tui:FuzzRemembered cmd/aslwiz:FuzzJournal

fuzz: ## look for input that breaks a parser, FUZZTIME (10s) for each
	@for f in $(FUZZERS); do \
		echo "$${f#*:}"; \
		$(GO) test ./$${f%%:*} -run '^$$' -fuzz "^$${f#*:}\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x | tail -n 1; \
	done

faults: ## disturb a step in every way that needs no machine, at every moment
	ASLWIZ_FAULTS=all $(GO) test ./remote -run '^Test(Faults|HostileLogs)' -count=1 -timeout 40m -parallel 8 -v | grep -v '^=== '

lab-up: ## build and boot the test machines; needs root on Linux
	$(LAB) up
	$(LAB) up container

lab-test: ## provision and verify the test machines; PART=breaks does one part of it
	$(GO) test -tags lab -count=1 -timeout 80m -v -run '^TestLab$$/$(PART)' ./remote/lab/

lab-faults-pick: ## a few faults on the lab's container
	$(GO) test -tags lab -count=1 -timeout 40m -v -run '^TestFaults(Lockouts)?$$' ./remote/lab/

lab-faults: faults ## every fault, in memory and on the lab's container; VM=1: on the emulated server too
	ASLWIZ_FAULTS=all ASLWIZ_FAULTS_VM=$(VM) $(GO) test -tags lab -count=1 -timeout 5h -v -run '^TestFaults' ./remote/lab/

lab-down: ## stop the test machines; their disks stay
	$(LAB) down
