package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers every question over TCP with a CNAME and, at its end, a PTR.
func nameServer(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			answerDNS(conn)
		}
	}()
	return l
}

func answerDNS(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	query, err := readMessage(conn, true)
	var msg dnsmessage.Message
	if err != nil || msg.Unpack(query) != nil {
		return
	}
	name, there := msg.Questions[0].Name, dnsmessage.MustNewName("stats.PTR.example.net.")
	msg.Response = true
	msg.Answers = []dnsmessage.Resource{
		{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.CNAMEResource{CNAME: there}},
		{Header: dnsmessage.ResourceHeader{Name: there, Class: dnsmessage.ClassINET}, Body: &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName("stats.example.net.")}},
	}
	answer, _ := msg.Pack()
	_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	_, _ = io.Copy(io.Discard, conn)
}

// What the server's own resolver says is asked from the server's end, hop by hop.
func TestLookUpFromTheServer(t *testing.T) {
	t.Parallel()
	l := nameServer(t)
	q := Lookup{Resolver: "192.0.2.53", Name: "11.100.51.198.in-addr.arpa", Type: "PTR", FromServer: true}
	var asked string
	got := lookUpAll(t.Context(), []Lookup{q}, func(ctx context.Context, network, address string) (net.Conn, error) {
		asked = network + " " + address
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	})[0]
	if got.Issue != "" || asked != "tcp 192.0.2.53:53" || !slices.Equal(got.Values, []string{"stats.example.net"}) ||
		!slices.Equal(got.Hops, []string{"11.100.51.198.in-addr.arpa -> stats.PTR.example.net"}) {
		t.Errorf("asked %q: %+v", asked, got)
	}
	got = lookUpAll(t.Context(), []Lookup{q}, func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("administratively prohibited")
	})[0]
	if got.Issue == "" || got.Code != "" {
		t.Errorf("where nothing is forwarded: %+v", got)
	}
}
