package appprotectrpc

import (
	"context"
	"strings"

	"google.golang.org/grpc"

	"ringfence/internal/bell"
	"ringfence/internal/identity"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// disabled makes the state of a disabled person another one, so that also a
// server that was not told of it sends a ring.
const disabled = " disabled"

// Watch is the doorbell of a registration.
func (s *DeviceServer) Watch(_ *appprotectv1.WatchRequest, stream grpc.ServerStreamingServer[appprotectv1.WatchResponse]) error {
	caller := identity.From(stream.Context())
	return s.watch.Run(stream.Context(), bell.Stream{
		ID: caller.Device,
		State: func(ctx context.Context) (bell.State, error) {
			d, err := s.service.Desired(ctx, caller)
			if d.Disabled {
				d.Revision += disabled
			}
			return bell.State{Revision: d.Revision, Generation: d.Generation}, err
		},
		Send: func(revision string) error {
			revision = strings.TrimSuffix(revision, disabled)
			return stream.Send(&appprotectv1.WatchResponse{PolicyRevision: revision})
		},
	})
}
