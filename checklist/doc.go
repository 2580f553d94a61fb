// Package checklist is what the page asks of a server, made to run.
//
// It is a functional core: answers and facts make wants, wants make probes,
// the probes' answers make a plan, and the plan is what a host carries out.
// Steps (steps.go) change a server, items (handoff.go) measure it. The package
// knows a server only as a Host.
package checklist
