package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

// sender is the part of the fake that knows of streams and webhooks.
type sender struct {
	transmitv1.UnimplementedTransmitAdminServiceServer

	streams []*transmitv1.Stream
	letters []*transmitv1.DeadLetter
}

const hookSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

func (s *sender) stream(id string) (*transmitv1.Stream, error) {
	return find(s.streams, func(m *transmitv1.Stream) bool { return m.GetId() == id })
}

func (s *sender) ListStreams(_ context.Context, r *transmitv1.ListStreamsRequest) (*transmitv1.ListStreamsResponse, error) {
	var match []*transmitv1.Stream
	for _, m := range s.streams {
		if r.GetDelivery() == 0 || m.GetDelivery() == r.GetDelivery() {
			match = append(match, m)
		}
	}
	items, next := paged(match, r.GetPageSize(), r.GetPageToken())
	return &transmitv1.ListStreamsResponse{Streams: items, NextPageToken: next}, nil
}

func (s *sender) GetStream(_ context.Context, r *transmitv1.GetStreamRequest) (*transmitv1.GetStreamResponse, error) {
	m, err := s.stream(r.GetId())
	return &transmitv1.GetStreamResponse{Stream: m}, err
}

func (s *sender) SetStreamStatus(_ context.Context, r *transmitv1.SetStreamStatusRequest) (*transmitv1.SetStreamStatusResponse, error) {
	m, err := s.stream(r.GetId())
	if err == nil {
		m.Status, m.StatusReason = r.GetStatus(), r.GetReason()
	}
	return &transmitv1.SetStreamStatusResponse{Stream: m}, err
}

func (s *sender) VerifyStream(_ context.Context, r *transmitv1.VerifyStreamRequest) (*transmitv1.VerifyStreamResponse, error) {
	_, err := s.stream(r.GetId())
	return &transmitv1.VerifyStreamResponse{}, err
}

func (s *sender) DeleteStream(_ context.Context, r *transmitv1.DeleteStreamRequest) (*transmitv1.DeleteStreamResponse, error) {
	_, err := s.stream(r.GetId())
	s.streams = slices.DeleteFunc(s.streams, func(m *transmitv1.Stream) bool { return m.GetId() == r.GetId() })
	return &transmitv1.DeleteStreamResponse{}, err
}

func (s *sender) ListDeadLetters(_ context.Context, r *transmitv1.ListDeadLettersRequest) (*transmitv1.ListDeadLettersResponse, error) {
	if _, err := s.stream(r.GetStreamId()); err != nil {
		return nil, err
	}
	items, next := paged(s.letters, r.GetPageSize(), r.GetPageToken())
	return &transmitv1.ListDeadLettersResponse{DeadLetters: items, NextPageToken: next}, nil
}

func (s *sender) RedeliverDeadLetters(_ context.Context, r *transmitv1.RedeliverDeadLettersRequest) (*transmitv1.RedeliverDeadLettersResponse, error) {
	before := len(s.letters)
	s.letters = slices.DeleteFunc(s.letters, func(l *transmitv1.DeadLetter) bool {
		return r.GetAll() || slices.Contains(r.GetEventIds(), l.GetEventId())
	})
	return &transmitv1.RedeliverDeadLettersResponse{Redelivered: uint64(before - len(s.letters))}, nil
}

func (s *sender) CreateWebhook(_ context.Context, r *transmitv1.CreateWebhookRequest) (*transmitv1.CreateWebhookResponse, error) {
	endpoint, _, _ := strings.Cut(r.GetEndpoint(), "?")
	m := &transmitv1.Stream{
		Id: fmt.Sprintf("%032x", len(s.streams)+1), Delivery: transmitv1.Delivery_DELIVERY_WEBHOOK, Endpoint: endpoint,
		Events: r.GetEvents(), Description: r.GetDescription(), Status: transmitv1.StreamStatus_STREAM_STATUS_ENABLED, CreatedAt: timestamppb.New(now),
	}
	s.streams = append(s.streams, m)
	secret := r.GetSecret()
	if secret == "" {
		secret = hookSecret
	}
	return &transmitv1.CreateWebhookResponse{Webhook: m, Secret: secret}, nil
}
