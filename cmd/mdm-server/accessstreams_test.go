package main

import (
	"testing"

	"google.golang.org/grpc/codes"

	transmitv1 "ringfence/proto/mdm/transmit/v1"
)

// callStreams makes every call of the administration of streams.
func callStreams(t *testing.T, a *admin) {
	t.Helper()
	ctx := t.Context()
	streams := transmitv1.NewTransmitAdminServiceClient(a.conn)
	made := must[*transmitv1.CreateWebhookResponse](t)(streams.CreateWebhook(ctx, &transmitv1.CreateWebhookRequest{Endpoint: "https://hooks.example.com/ringfence?key=secret"}))
	id := made.GetWebhook().GetId()
	if made.GetSecret() == "" || made.GetWebhook().GetEndpoint() != "https://hooks.example.com/ringfence" {
		t.Errorf("the webhook: %v", made.GetWebhook())
	}
	_, err := streams.CreateWebhook(ctx, &transmitv1.CreateWebhookRequest{Endpoint: "http://hooks.example.com/"})
	wantStatus(t, "an endpoint without TLS", err, codes.InvalidArgument, "")
	list := must[*transmitv1.ListStreamsResponse](t)(streams.ListStreams(ctx, &transmitv1.ListStreamsRequest{}))
	if l := list.GetStreams(); len(l) != 1 || l[0].GetId() != id {
		t.Errorf("streams: %v", list)
	}
	must[*transmitv1.VerifyStreamResponse](t)(streams.VerifyStream(ctx, &transmitv1.VerifyStreamRequest{Id: id}))
	_, err = streams.VerifyStream(ctx, &transmitv1.VerifyStreamRequest{Id: id})
	wantStatus(t, "verified twice", err, codes.FailedPrecondition, "VERIFICATION_TOO_SOON")
	paused := must[*transmitv1.SetStreamStatusResponse](t)(streams.SetStreamStatus(ctx, &transmitv1.SetStreamStatusRequest{
		Id: id, Status: transmitv1.StreamStatus_STREAM_STATUS_PAUSED, Reason: "a test",
	}))
	got := must[*transmitv1.GetStreamResponse](t)(streams.GetStream(ctx, &transmitv1.GetStreamRequest{Id: id})).GetStream()
	if paused.GetStream().GetStatus() != got.GetStatus() || got.GetStatus() != transmitv1.StreamStatus_STREAM_STATUS_PAUSED || got.GetHealth() == nil {
		t.Errorf("a paused stream: %v", got)
	}
	dead := must[*transmitv1.ListDeadLettersResponse](t)(streams.ListDeadLetters(ctx, &transmitv1.ListDeadLettersRequest{StreamId: id}))
	again := must[*transmitv1.RedeliverDeadLettersResponse](t)(streams.RedeliverDeadLetters(ctx, &transmitv1.RedeliverDeadLettersRequest{StreamId: id, All: true}))
	if len(dead.GetDeadLetters()) != 0 || again.GetRedelivered() != 0 {
		t.Errorf("put aside: %v, %v", dead, again)
	}
	must[*transmitv1.DeleteStreamResponse](t)(streams.DeleteStream(ctx, &transmitv1.DeleteStreamRequest{Id: id}))
	_, err = streams.GetStream(ctx, &transmitv1.GetStreamRequest{Id: id})
	wantStatus(t, "a deleted stream", err, codes.NotFound, "")
}
