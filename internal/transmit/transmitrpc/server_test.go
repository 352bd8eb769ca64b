package transmitrpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/fault"
	"ringfence/internal/transmit"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

var noon = time.Date(2026, time.January, 2, 12, 0, 0, 123456000, time.UTC)

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// service gives what it is made with, and keeps what it was asked.
type service struct {
	streams []transmit.Listed
	letters []transmit.Letter
	err     error
	asked   []string
}

func (s *service) ask(format string, args ...any) {
	s.asked = append(s.asked, fmt.Sprintf(format, args...))
}

func (s *service) AllStreams(context.Context) ([]transmit.Listed, error) {
	return slices.Clone(s.streams), s.err
}

func (s *service) SetAnyStatus(_ context.Context, id string, status transmit.Status, reason string) (transmit.Stream, error) {
	s.ask("status %s %s %s", id, status, reason)
	return s.streams[0].Stream, s.err
}

func (s *service) DeleteAny(_ context.Context, id string) error {
	s.ask("delete %s", id)
	return s.err
}

func (s *service) VerifyAny(_ context.Context, id, state string) error {
	s.ask("verify %s %q", id, state)
	return s.err
}

func (s *service) DeadLetters(_ context.Context, id string, after uint64, limit int) ([]transmit.Letter, error) {
	s.ask("letters %s %d %d", id, after, limit)
	left := slices.DeleteFunc(slices.Clone(s.letters), func(l transmit.Letter) bool { return l.Number <= after })
	return left[:min(limit, len(left))], s.err
}

func (s *service) Redeliver(_ context.Context, id string, jtis []string) (int, error) {
	s.ask("redeliver %s %q", id, jtis)
	return 7, s.err
}

func (s *service) CreateWebhook(_ context.Context, w transmit.WebhookSpec) (transmit.Stream, string, error) {
	s.ask("webhook %+v", w)
	return s.streams[0].Stream, "whsec_made", s.err
}

func id(n int) string { return fmt.Sprintf("%032x", n) }

func listed(n int) transmit.Listed {
	return transmit.Listed{
		Stream: transmit.Stream{
			ID: id(n), ClientID: "c_1", ClientName: "okta", Delivery: transmit.Push, Endpoint: "https://x.example/hook?key=secret",
			Sealed: []byte("sealed"), Audience: []string{"c_1"}, Requested: []string{"x"}, Description: "d", Alg: "RS256",
			Events: []transmit.EventType{transmit.SessionRevoked, transmit.RiskLevelChange},
			Status: transmit.Paused, StatusReason: "r", Version: 3, CreatedAt: noon.Add(time.Duration(n) * time.Second), UpdatedAt: noon,
		},
		Health: transmit.Health{
			Fare:    transmit.Fare{Failures: 2, FailingSince: noon, LastError: "answered 500"},
			Pending: 5, Oldest: noon, Dead: 1,
		},
	}
}

func onWire(n int) *transmitv1.Stream {
	return &transmitv1.Stream{
		Id: id(n), ClientId: "c_1", ClientName: "okta", Delivery: transmitv1.Delivery_DELIVERY_PUSH, Endpoint: "https://x.example/hook",
		Audience: []string{"c_1"}, Description: "d", Algorithm: "RS256",
		Events: []transmitv1.EventType{transmitv1.EventType_EVENT_TYPE_SESSION_REVOKED, transmitv1.EventType_EVENT_TYPE_RISK_LEVEL_CHANGE},
		Status: transmitv1.StreamStatus_STREAM_STATUS_PAUSED, StatusReason: "r", Version: 3,
		CreatedAt: timestamppb.New(noon.Add(time.Duration(n) * time.Second)), UpdatedAt: timestamppb.New(noon),
	}
}

func withHealth(n int) *transmitv1.Stream {
	s := onWire(n)
	s.Health = &transmitv1.StreamHealth{
		Pending: 5, OldestPendingAt: timestamppb.New(noon), Failures: 2, FailingSince: timestamppb.New(noon), LastError: "answered 500", DeadLetters: 1,
	}
	return s
}

func TestStreams(t *testing.T) {
	fake := &service{streams: []transmit.Listed{listed(2), listed(1), listed(3)}}
	fake.streams[2].Delivery = transmit.Poll
	s := New(fake)
	first, err := s.ListStreams(t.Context(), &transmitv1.ListStreamsRequest{PageSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	check(t, "first page", []*transmitv1.Stream{withHealth(1), withHealth(2)}, first.GetStreams())
	fake.streams = fake.streams[1:] // what the page ended with is gone
	second, err := s.ListStreams(t.Context(), &transmitv1.ListStreamsRequest{PageSize: 2, PageToken: first.GetNextPageToken()})
	if err != nil || len(second.GetStreams()) != 1 || second.GetStreams()[0].GetId() != id(3) || second.GetNextPageToken() != "" {
		t.Errorf("second page: %v, %v", second, err)
	}
	polled, err := s.ListStreams(t.Context(), &transmitv1.ListStreamsRequest{Delivery: transmitv1.Delivery_DELIVERY_POLL})
	if err != nil || len(polled.GetStreams()) != 1 || polled.GetStreams()[0].GetId() != id(3) {
		t.Errorf("polled: %v, %v", polled, err)
	}
	_, err = s.ListStreams(t.Context(), &transmitv1.ListStreamsRequest{PageToken: first.GetNextPageToken(), Delivery: transmitv1.Delivery_DELIVERY_POLL})
	check(t, "a token of another listing", fault.Invalid, fault.KindOf(err))
	got, err := s.GetStream(t.Context(), &transmitv1.GetStreamRequest{Id: id(1)})
	check(t, "one", []any{&transmitv1.GetStreamResponse{Stream: withHealth(1)}, nil}, []any{got, err})
	if _, err := s.GetStream(t.Context(), &transmitv1.GetStreamRequest{Id: id(9)}); !errors.Is(err, transmit.ErrNoStream) {
		t.Errorf("none: %v", err)
	}
}

func TestDeeds(t *testing.T) {
	fake := &service{streams: []transmit.Listed{listed(1)}}
	s := New(fake)
	set, err := s.SetStreamStatus(t.Context(), &transmitv1.SetStreamStatusRequest{
		Id: id(1), Status: transmitv1.StreamStatus_STREAM_STATUS_DISABLED, Reason: "why",
	})
	check(t, "set", []any{&transmitv1.SetStreamStatusResponse{Stream: onWire(1)}, nil}, []any{set, err})
	_, err = s.SetStreamStatus(t.Context(), &transmitv1.SetStreamStatusRequest{Id: id(1)})
	check(t, "no status", fault.Invalid, fault.KindOf(err))
	verified, err := s.VerifyStream(t.Context(), &transmitv1.VerifyStreamRequest{Id: id(1)})
	check(t, "verified", []any{&transmitv1.VerifyStreamResponse{}, nil}, []any{verified, err})
	deleted, err := s.DeleteStream(t.Context(), &transmitv1.DeleteStreamRequest{Id: id(1)})
	check(t, "deleted", []any{&transmitv1.DeleteStreamResponse{}, nil}, []any{deleted, err})
	hook, err := s.CreateWebhook(t.Context(), &transmitv1.CreateWebhookRequest{
		Endpoint: "https://x", Events: []transmitv1.EventType{transmitv1.EventType_EVENT_TYPE_CREDENTIAL_CHANGE}, Description: "d", Secret: "whsec_x",
	})
	check(t, "webhook", []any{&transmitv1.CreateWebhookResponse{Webhook: onWire(1), Secret: "whsec_made"}, nil}, []any{hook, err})
	_, err = s.CreateWebhook(t.Context(), &transmitv1.CreateWebhookRequest{Events: []transmitv1.EventType{99}})
	check(t, "an event there is not", fault.Invalid, fault.KindOf(err))
	check(t, "asked", []string{
		"status " + id(1) + " disabled why", "verify " + id(1) + ` ""`, "delete " + id(1),
		"webhook {Endpoint:https://x Secret:whsec_x Events:[" + string(transmit.CredentialChange) + "] Description:d}",
	}, fake.asked)
}

func TestDeadLetters(t *testing.T) {
	letter := func(n uint64) transmit.Letter {
		return transmit.Letter{
			Item: transmit.Item{
				Number: n, JTI: id(int(n)), Type: transmit.SessionRevoked, Device: "d", Subject: []byte(`{"user":"bob"}`), CreatedAt: noon, Tries: 4,
			},
			At: noon.Add(time.Hour), Reason: "invalid_audience",
		}
	}
	fake := &service{letters: []transmit.Letter{letter(3), letter(5), letter(8)}}
	s := New(fake)
	first, err := s.ListDeadLetters(t.Context(), &transmitv1.ListDeadLettersRequest{StreamId: id(1), PageSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	check(t, "letter", &transmitv1.DeadLetter{
		EventId: id(3), Type: transmitv1.EventType_EVENT_TYPE_SESSION_REVOKED, DeviceId: "d", CreatedAt: timestamppb.New(noon), Tries: 4,
		DeadAt: timestamppb.New(noon.Add(time.Hour)), Reason: "invalid_audience",
	}, first.GetDeadLetters()[0])
	second, err := s.ListDeadLetters(t.Context(), &transmitv1.ListDeadLettersRequest{StreamId: id(1), PageSize: 2, PageToken: first.GetNextPageToken()})
	if err != nil || len(second.GetDeadLetters()) != 1 || second.GetNextPageToken() != "" {
		t.Errorf("second page: %v, %v", second, err)
	}
	_, err = s.ListDeadLetters(t.Context(), &transmitv1.ListDeadLettersRequest{StreamId: id(2), PageToken: first.GetNextPageToken()})
	check(t, "a token of another stream", fault.Invalid, fault.KindOf(err))
	again, err := s.RedeliverDeadLetters(t.Context(), &transmitv1.RedeliverDeadLettersRequest{StreamId: id(1), EventIds: []string{"a"}})
	check(t, "these", []any{&transmitv1.RedeliverDeadLettersResponse{Redelivered: 7}, nil}, []any{again, err})
	_, err = s.RedeliverDeadLetters(t.Context(), &transmitv1.RedeliverDeadLettersRequest{StreamId: id(1), All: true})
	check(t, "all", nil, err)
	for _, req := range []*transmitv1.RedeliverDeadLettersRequest{{StreamId: id(1)}, {StreamId: id(1), All: true, EventIds: []string{"a"}}} {
		_, err := s.RedeliverDeadLetters(t.Context(), req)
		check(t, "neither or both", fault.Invalid, fault.KindOf(err))
	}
	check(t, "asked", []string{
		"letters " + id(1) + " 0 2", "letters " + id(1) + " 5 2", "redeliver " + id(1) + ` ["a"]`, "redeliver " + id(1) + " []",
	}, fake.asked)
}

// TestFailures: what the service says is passed on.
func TestFailures(t *testing.T) {
	fake := &service{streams: []transmit.Listed{listed(1)}, err: transmit.ErrMoved}
	s, ctx := New(fake), t.Context()
	for what, call := range map[string]func() error{
		"list":    func() error { _, err := s.ListStreams(ctx, &transmitv1.ListStreamsRequest{}); return err },
		"get":     func() error { _, err := s.GetStream(ctx, &transmitv1.GetStreamRequest{}); return err },
		"verify":  func() error { _, err := s.VerifyStream(ctx, &transmitv1.VerifyStreamRequest{}); return err },
		"delete":  func() error { _, err := s.DeleteStream(ctx, &transmitv1.DeleteStreamRequest{}); return err },
		"letters": func() error { _, err := s.ListDeadLetters(ctx, &transmitv1.ListDeadLettersRequest{}); return err },
		"webhook": func() error { _, err := s.CreateWebhook(ctx, &transmitv1.CreateWebhookRequest{}); return err },
		"redeliver": func() error {
			_, err := s.RedeliverDeadLetters(ctx, &transmitv1.RedeliverDeadLettersRequest{All: true})
			return err
		},
		"status": func() error {
			_, err := s.SetStreamStatus(ctx, &transmitv1.SetStreamStatusRequest{Status: transmitv1.StreamStatus_STREAM_STATUS_ENABLED})
			return err
		},
	} {
		if err := call(); !errors.Is(err, transmit.ErrMoved) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestEveryWordIsOnTheWire: nothing is shown as unspecified.
func TestEveryWordIsOnTheWire(t *testing.T) {
	for _, e := range append(transmit.Supported(), transmit.Verification, transmit.StreamUpdated) {
		if events[e] == 0 {
			t.Errorf("%s", e)
		}
	}
	check(t, "counts", []int{len(transmitv1.EventType_name) - 1, len(transmitv1.Delivery_name) - 1, len(transmitv1.StreamStatus_name) - 1},
		[]int{len(events), len(deliveries), len(statuses)})
}

// TestRules: what the wire refuses before the service is asked.
func TestRules(t *testing.T) {
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	const revoked = transmitv1.EventType_EVENT_TYPE_SESSION_REVOKED
	for _, good := range []proto.Message{
		&transmitv1.GetStreamRequest{Id: id(1)}, &transmitv1.ListStreamsRequest{}, &transmitv1.CreateWebhookRequest{Endpoint: "https://x"},
		&transmitv1.RedeliverDeadLettersRequest{StreamId: id(1), EventIds: []string{id(2)}},
		&transmitv1.CreateWebhookRequest{Endpoint: "https://x", Events: []transmitv1.EventType{revoked}},
	} {
		if err := validator.Validate(good); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range []proto.Message{
		&transmitv1.GetStreamRequest{}, &transmitv1.DeleteStreamRequest{Id: "../x"}, &transmitv1.VerifyStreamRequest{Id: id(1) + "\n"},
		&transmitv1.SetStreamStatusRequest{Id: id(1)}, &transmitv1.SetStreamStatusRequest{Id: id(1), Status: 9},
		&transmitv1.ListStreamsRequest{PageSize: 1001}, &transmitv1.ListStreamsRequest{Delivery: 9}, &transmitv1.CreateWebhookRequest{},
		&transmitv1.CreateWebhookRequest{Endpoint: "https://x", Events: []transmitv1.EventType{revoked, revoked}},
		&transmitv1.CreateWebhookRequest{Endpoint: "https://x", Events: []transmitv1.EventType{transmitv1.EventType_EVENT_TYPE_VERIFICATION}},
		&transmitv1.RedeliverDeadLettersRequest{StreamId: id(1), EventIds: []string{"x"}},
	} {
		if err := validator.Validate(bad); err == nil {
			t.Errorf("%T %v is let through", bad, bad)
		}
	}
}
