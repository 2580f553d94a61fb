// Package practice is the practice server: machines in memory behind the same
// small interface as remote's servers, so that the whole page can be rehearsed on
// any computer. The program above it is the real one; only the machines are
// simulated. Nothing here opens a socket, and the depguard rule "practice" and a
// test hold that.
//
// A machine's state is real inside: files, packages, units, addresses, rules,
// tunnels, mail, boots. What a step writes the next survey reads, in the bytes that
// a Debian 12 would answer, and a service is up only if its configuration is right.
// Files of packages and of the fresh system, in data, are Debian's own.
//
// It is no shell. A probe is answered by its name or its words, and a line of a
// script is one of a table of forms; what is in neither is said to be unknown, never
// made up. What else it does not model: dependencies beyond a few, so that apt's
// lists are shorter; users' passwords; traffic, but for the packets that the items
// look at; other releases than Debian 12.
package practice
