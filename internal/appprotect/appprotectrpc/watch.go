package appprotectrpc

import (
	"context"

	"google.golang.org/grpc"

	"ringfence/internal/bell"
	"ringfence/internal/identity"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// Watch is the doorbell of a registration.
func (s *DeviceServer) Watch(_ *appprotectv1.WatchRequest, stream grpc.ServerStreamingServer[appprotectv1.WatchResponse]) error {
	caller := identity.From(stream.Context())
	return s.watch.Run(stream.Context(), bell.Stream{
		ID: caller.Device,
		State: func(ctx context.Context) (bell.State, error) {
			d, err := s.service.Desired(ctx, caller)
			return bell.State{Revision: d.Revision, Generation: d.Generation}, err
		},
		Send: func(revision string) error {
			return stream.Send(&appprotectv1.WatchResponse{PolicyRevision: revision})
		},
	})
}
