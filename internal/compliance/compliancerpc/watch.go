package compliancerpc

import (
	"context"

	"google.golang.org/grpc"

	"ringfence/internal/bell"
	"ringfence/internal/identity"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// Watch is the doorbell: it says which revision of the manifest to look for, see
// [bell.Watch].
func (s *DeviceServer) Watch(_ *compliancev1.WatchRequest, stream grpc.ServerStreamingServer[compliancev1.WatchResponse]) error {
	ctx := stream.Context()
	caller := identity.From(ctx)
	return s.config.Watch.Run(ctx, bell.Stream{
		ID: caller.Device,
		State: func(ctx context.Context) (bell.State, error) {
			desired, err := s.config.Service.Desired(ctx, caller)
			return bell.State{Revision: desired.Revision, Generation: desired.Generation}, err
		},
		Send: func(revision string) error {
			return stream.Send(&compliancev1.WatchResponse{ManifestRevision: revision})
		},
	})
}
