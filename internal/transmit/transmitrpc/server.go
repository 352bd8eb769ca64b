// Package transmitrpc serves streams and webhooks to administrators.
package transmitrpc

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/grpc"

	"ringfence/internal/fault"
	"ringfence/internal/page"
	"ringfence/internal/transmit"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

// Service is what is served: package transmit. Errors are faults.
type Service interface {
	AllStreams(ctx context.Context) ([]transmit.Listed, error)
	SetAnyStatus(ctx context.Context, id string, status transmit.Status, reason string) (transmit.Stream, error)
	DeleteAny(ctx context.Context, id string) error
	VerifyAny(ctx context.Context, id, state string) error
	DeadLetters(ctx context.Context, id string, after uint64, limit int) ([]transmit.Letter, error)
	Redeliver(ctx context.Context, id string, jtis []string) (int, error)
	CreateWebhook(ctx context.Context, w transmit.WebhookSpec) (transmit.Stream, string, error)
}

var _ Service = (*transmit.Service)(nil)

// Server is the TransmitAdminService.
type Server struct {
	transmitv1.UnimplementedTransmitAdminServiceServer
	service Service
}

// New makes a Server.
func New(s Service) *Server { return &Server{service: s} }

// Register adds the service to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	transmitv1.RegisterTransmitAdminServiceServer(r, s)
}

// ListStreams lists streams with how they fare, oldest first, page by page.
func (s *Server) ListStreams(ctx context.Context, req *transmitv1.ListStreamsRequest) (*transmitv1.ListStreamsResponse, error) {
	listing := []string{"streams", req.GetDelivery().String()}
	after, err := page.Decode(req.GetPageToken(), listing...)
	if err != nil {
		return nil, err
	}
	all, err := s.service.AllStreams(ctx)
	if err != nil {
		return nil, err
	}
	if req.GetDelivery() != transmitv1.Delivery_DELIVERY_UNSPECIFIED {
		all = slices.DeleteFunc(all, func(l transmit.Listed) bool { return deliveries[l.Delivery] != req.GetDelivery() })
	}
	// A page begins after a place in the order, not after a stream, which may be
	// gone by now.
	slices.SortFunc(all, func(a, b transmit.Listed) int { return cmp.Compare(place(&a), place(&b)) })
	begin, found := slices.BinarySearchFunc(all, after, func(l transmit.Listed, at string) int { return cmp.Compare(place(&l), at) })
	if found {
		begin++
	}
	all = all[begin:]
	resp := &transmitv1.ListStreamsResponse{}
	if size := page.Size(req.GetPageSize()); len(all) > size {
		all = all[:size]
		resp.NextPageToken = page.Encode(place(&all[size-1]), listing...)
	}
	for i := range all {
		resp.Streams = append(resp.Streams, listedToWire(&all[i]))
	}
	return resp, nil
}

// place is where a stream is in the order: the oldest first.
func place(l *transmit.Listed) string {
	return fmt.Sprintf("%020d %s", l.CreatedAt.UnixMicro(), l.ID)
}

// GetStream gives a stream with how it fares.
func (s *Server) GetStream(ctx context.Context, req *transmitv1.GetStreamRequest) (*transmitv1.GetStreamResponse, error) {
	all, err := s.service.AllStreams(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].ID == req.GetId() {
			return &transmitv1.GetStreamResponse{Stream: listedToWire(&all[i])}, nil
		}
	}
	return nil, transmit.ErrNoStream
}

// SetStreamStatus pauses, disables or enables a stream.
func (s *Server) SetStreamStatus(ctx context.Context, req *transmitv1.SetStreamStatusRequest) (*transmitv1.SetStreamStatusResponse, error) {
	status, ok := statuses.key(req.GetStatus())
	if !ok {
		return nil, fault.InvalidField("status", "is required")
	}
	st, err := s.service.SetAnyStatus(ctx, req.GetId(), status, req.GetReason())
	if err != nil {
		return nil, err
	}
	return &transmitv1.SetStreamStatusResponse{Stream: streamToWire(&st)}, nil
}

// VerifyStream has a verification event sent. It has no state: that is for what
// a receiver asks for.
func (s *Server) VerifyStream(ctx context.Context, req *transmitv1.VerifyStreamRequest) (*transmitv1.VerifyStreamResponse, error) {
	if err := s.service.VerifyAny(ctx, req.GetId(), ""); err != nil {
		return nil, err
	}
	return &transmitv1.VerifyStreamResponse{}, nil
}

// DeleteStream drops a stream.
func (s *Server) DeleteStream(ctx context.Context, req *transmitv1.DeleteStreamRequest) (*transmitv1.DeleteStreamResponse, error) {
	if err := s.service.DeleteAny(ctx, req.GetId()); err != nil {
		return nil, err
	}
	return &transmitv1.DeleteStreamResponse{}, nil
}

// ListDeadLetters lists what of a stream was put aside, oldest first.
func (s *Server) ListDeadLetters(ctx context.Context, req *transmitv1.ListDeadLettersRequest) (*transmitv1.ListDeadLettersResponse, error) {
	listing := []string{"dead letters", req.GetStreamId()}
	cursor, err := page.Decode(req.GetPageToken(), listing...)
	if err != nil {
		return nil, err
	}
	after, err := number(cursor)
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	letters, err := s.service.DeadLetters(ctx, req.GetStreamId(), after, size)
	if err != nil {
		return nil, err
	}
	resp := &transmitv1.ListDeadLettersResponse{}
	for i := range letters {
		resp.DeadLetters = append(resp.DeadLetters, letterToWire(&letters[i]))
	}
	// The service gives no more than a page: a full one may have another behind it.
	if len(letters) == size {
		resp.NextPageToken = page.Encode(strconv.FormatUint(letters[size-1].Number, 10), listing...)
	}
	return resp, nil
}

func number(cursor string) (uint64, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(cursor, 10, 64)
	if err != nil {
		return 0, fault.InvalidField("page_token", "is not a page token of this server")
	}
	return n, nil
}

// RedeliverDeadLetters lets what was put aside be tried again.
func (s *Server) RedeliverDeadLetters(ctx context.Context, req *transmitv1.RedeliverDeadLettersRequest) (*transmitv1.RedeliverDeadLettersResponse, error) {
	// To the service none is all: here that is said, and never left out.
	if req.GetAll() == (len(req.GetEventIds()) > 0) {
		return nil, fault.InvalidField("event_ids", "give either these or all")
	}
	n, err := s.service.Redeliver(ctx, req.GetStreamId(), req.GetEventIds())
	if err != nil {
		return nil, err
	}
	return &transmitv1.RedeliverDeadLettersResponse{Redelivered: uint64(max(n, 0))}, nil
}

// CreateWebhook makes a webhook.
func (s *Server) CreateWebhook(ctx context.Context, req *transmitv1.CreateWebhookRequest) (*transmitv1.CreateWebhookResponse, error) {
	w := transmit.WebhookSpec{Endpoint: req.GetEndpoint(), Secret: req.GetSecret(), Description: req.GetDescription()}
	for _, e := range req.GetEvents() {
		kind, ok := events.key(e)
		if !ok {
			return nil, fault.InvalidField("events", "there is no event type %d", e)
		}
		w.Events = append(w.Events, string(kind))
	}
	st, secret, err := s.service.CreateWebhook(ctx, w)
	if err != nil {
		return nil, err
	}
	return &transmitv1.CreateWebhookResponse{Webhook: streamToWire(&st), Secret: secret}, nil
}
