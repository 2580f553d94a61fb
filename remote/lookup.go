package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// lookupTimeout is how long a resolver may take for one question, and how often
// it is asked.
const (
	lookupTimeout = 4 * time.Second
	lookupTries   = 2
)

// Lookup is a question to a resolver, asked from this computer or from a server.
type Lookup struct {
	Resolver string // its address; "": this computer's own
	Name     string // "stats.example.net", "11.100.51.198.in-addr.arpa"
	Type     string // "A", "AAAA" or "PTR"
	// FromServer has the server's end of the connection reach the resolver, by TCP;
	// where sshd forwards nothing (AllowTcpForwarding), nothing is known.
	FromServer bool
}

// LookupAnswer is what a resolver said. Its text is untrusted and cleaned.
type LookupAnswer struct {
	Lookup
	Asked  string   // the resolver that was asked
	Code   string   // "ok", "no such name", "refused": its own word
	Hops   []string // the CNAME records on the way, "a -> b"
	Values []string // the records of the type asked for, at the end of the hops
	Issue  string   // why nothing is known; "" when there was an answer
}

// dial makes a connection, from here or from a server.
type dial func(ctx context.Context, network, address string) (net.Conn, error)

// LookUp asks all questions at once; the answers are in their order.
func (s *Server) LookUp(ctx context.Context, questions []Lookup) []LookupAnswer {
	return lookUpAll(ctx, questions, func(ctx context.Context, network, address string) (net.Conn, error) {
		return s.client.SSH().DialContext(ctx, network, address)
	})
}

func lookUpAll(ctx context.Context, questions []Lookup, there dial) []LookupAnswer {
	out := make([]LookupAnswer, len(questions))
	var wg sync.WaitGroup
	for i, q := range questions {
		from := (&net.Dialer{}).DialContext
		if q.FromServer {
			from = there
		}
		wg.Go(func() { out[i] = lookUp(ctx, q, from) })
	}
	wg.Wait()
	return out
}

func lookUp(ctx context.Context, q Lookup, from dial) LookupAnswer {
	a := LookupAnswer{Lookup: q}
	server, err := resolverAddress(ctx, q.Resolver)
	if err != nil {
		a.Issue = err.Error()
		return a
	}
	a.Asked = server
	id := uint16(rand.Uint32()) //nolint:gosec // DNS ids are 16 bits
	query, err := packQuestion(id, q)
	if err != nil {
		a.Issue = err.Error()
		return a
	}
	var msg dnsmessage.Message
	for range lookupTries {
		if msg, err = exchange(ctx, from, server, query, id, q.FromServer); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		a.Issue = fmt.Sprintf("%s: gave no answer: %v", server, err)
		return a
	}
	a.read(msg)
	return a
}

// resolverAddress is "address:53" of a resolver; for "" of the one that this
// computer would ask, which Go's own resolver knows.
func resolverAddress(ctx context.Context, resolver string) (string, error) {
	if resolver != "" {
		if _, err := netip.ParseAddr(resolver); err != nil {
			return "", fmt.Errorf("%q is not the address of a resolver", resolver)
		}
		return net.JoinHostPort(resolver, "53"), nil
	}
	var found string
	errFound := errors.New("found")
	r := net.Resolver{PreferGo: true, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		found = address
		return nil, errFound
	}}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	_, _ = r.LookupTXT(ctx, "resolver.invalid.")
	if found == "" {
		return "", errors.New("this computer's resolver is not known; name one in the answers: resolver")
	}
	return found, nil
}

var lookupTypes = map[string]dnsmessage.Type{
	"A": dnsmessage.TypeA, "AAAA": dnsmessage.TypeAAAA, "PTR": dnsmessage.TypePTR,
}

func packQuestion(id uint16, q Lookup) ([]byte, error) {
	name, err := dnsmessage.NewName(strings.TrimSuffix(q.Name, ".") + ".")
	typ, ok := lookupTypes[q.Type]
	if err != nil || !ok {
		return nil, fmt.Errorf("%s %s: not a question for DNS", q.Name, q.Type)
	}
	msg := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: typ, Class: dnsmessage.ClassINET}},
	}
	return msg.Pack()
}

// exchange asks by UDP, and by TCP where the answer did not fit, or there is only TCP.
func exchange(ctx context.Context, from dial, server string, query []byte, id uint16, onlyTCP bool) (msg dnsmessage.Message, err error) {
	if !onlyTCP {
		msg, err = exchangeOver(ctx, from, "udp", server, query, id)
	}
	if onlyTCP || err == nil && msg.Truncated {
		return exchangeOver(ctx, from, "tcp", server, query, id)
	}
	return msg, err
}

func exchangeOver(ctx context.Context, from dial, network, server string, query []byte, id uint16) (dnsmessage.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var msg dnsmessage.Message
	conn, err := from(ctx, network, server)
	if err != nil {
		return msg, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // one through a server knows no deadline
	if network == "tcp" {
		query = append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...) //nolint:gosec // a question is short
	}
	if _, err := conn.Write(query); err != nil {
		return msg, err
	}
	for {
		answer, err := readMessage(conn, network == "tcp")
		if err != nil {
			return msg, err
		}
		// A wrong id is somebody else's answer, or a forged one: wait for ours.
		if err := msg.Unpack(answer); err != nil || msg.ID != id || !msg.Response {
			if network == "tcp" {
				return msg, errors.New("an answer that is not DNS")
			}
			continue
		}
		return msg, nil
	}
}

func readMessage(conn net.Conn, stream bool) ([]byte, error) {
	if !stream {
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		return buf[:n], err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, buf)
	return buf, err
}

// read takes the records of a message that belong to the question: it follows
// the CNAME records from the name asked for.
func (a *LookupAnswer) read(msg dnsmessage.Message) {
	a.Code = map[dnsmessage.RCode]string{
		dnsmessage.RCodeSuccess: "ok", dnsmessage.RCodeNameError: "no such name",
		dnsmessage.RCodeRefused: "refused", dnsmessage.RCodeServerFailure: "server failure",
	}[msg.RCode]
	if a.Code == "" {
		a.Code = msg.RCode.String()
	}
	at := plainName(a.Name)
	for range len(msg.Answers) { // as many hops as there are records, and no loop
		next := ""
		for _, r := range msg.Answers {
			if c, ok := r.Body.(*dnsmessage.CNAMEResource); ok && strings.EqualFold(plainName(r.Header.Name.String()), at) {
				next = plainName(c.CNAME.String())
			}
		}
		if next == "" {
			break
		}
		a.Hops = append(a.Hops, at+" -> "+next)
		at = next
	}
	for _, r := range msg.Answers {
		if !strings.EqualFold(plainName(r.Header.Name.String()), at) {
			continue
		}
		switch b := r.Body.(type) {
		case *dnsmessage.AResource:
			a.Values = append(a.Values, netip.AddrFrom4(b.A).String())
		case *dnsmessage.AAAAResource:
			a.Values = append(a.Values, netip.AddrFrom16(b.AAAA).String())
		case *dnsmessage.PTRResource:
			a.Values = append(a.Values, plainName(b.PTR.String()))
		}
	}
}

// plainName is a name of DNS without its last dot and without what a terminal
// could take for a command.
func plainName(s string) string { return CleanLine(strings.TrimSuffix(s, ".")) }
