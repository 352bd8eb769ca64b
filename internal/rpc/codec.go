package rpc

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto" // registers the codec that is wrapped
	"google.golang.org/grpc/mem"
	protobuf "google.golang.org/protobuf/proto"
)

// incoming is a request on its way in: gRPC would report a request that cannot
// be decoded as an internal error of the server, and in words that are not
// meant for programs.
type incoming struct {
	message protobuf.Message
	problem error
}

// codec is the protobuf codec, with a memory for what was wrong.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// Unmarshal decodes into an incoming.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	in, ok := v.(*incoming)
	if !ok {
		return fmt.Errorf("cannot decode into a %T", v)
	}
	if err := c.CodecV2.Unmarshal(data, in.message); err != nil {
		in.problem = malformed(in.message, data.Materialize(), err)
	}
	return nil
}
