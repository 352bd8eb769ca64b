package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// benchBareTruth is the bare limit of how fast a change is known: an echo in
// place of the report, a handler that says yes for the door, and a post of as many
// octets as an event has, begun when the echo is back.
func benchBareTruth(b *testing.B) {
	authority := newAuthority(b)
	bare := startBare(b, authority)
	conns := make([]*grpc.ClientConn, connectedPhones)
	inParallel(connectedPhones, func(i int) error {
		certificate := issueClient(b, authority)
		conns[i] = dial(b, bare.address, authority.Pool(), &certificate)
		stream, err := conns[i].NewStream(b.Context(), &grpc.StreamDesc{ServerStreams: true}, bareStream)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(new(emptypb.Empty)); err != nil {
			return err
		}
		return stream.RecvMsg(new(emptypb.Empty))
	}, b)
	gateways := make(chan *asker, truthAskers)
	for _, a := range bareAskers(b, authority, truthAskers) {
		gateways <- a
	}
	m := openMailbox(b)
	event := "e." + base64.RawURLEncoding.EncodeToString([]byte(`{"of":"`+strings.Repeat("a", 600)+`"}`)) + "." + strings.Repeat("s", 342)
	new(truth).pace(b, func(n int) (lag, error) {
		began := time.Now()
		if err := conns[n%len(conns)].Invoke(context.Background(), bareEcho, new(emptypb.Empty), new(emptypb.Empty)); err != nil {
			return lag{}, err
		}
		took, posted := lag{checked: time.Since(began)}, make(chan error, 1)
		go func() {
			res, err := m.server.Client().Post(m.server.URL, "application/secevent+jwt", strings.NewReader(event))
			took.pushed = time.Since(began)
			if err == nil && res.StatusCode != http.StatusAccepted {
				err = errNotYet
			}
			if err == nil {
				err = res.Body.Close()
			}
			posted <- err
		}()
		gateway := <-gateways
		_, err := gateway.ask()
		took.decided = time.Since(began)
		gateways <- gateway
		if other := <-posted; err == nil {
			err = other
		}
		return took, err
	})
}
