// Package remote reaches one server over SSH and changes it safely.
//
// It has two halves. The client half dials (keys, agent, password, jump hosts,
// host keys) and holds one root shell, the session, over which every request
// is one framed exchange. The server half is what a request makes happen:
// a survey answers many probes at once; a transaction is a folder on the server
// with a script, a manifest and copies of what was there before, run by a
// detached unit and undone by one restore program.
//
// The types in probe.go and transaction.go are the words that the checklist
// speaks to a server; nothing in them knows SSH.
package remote
