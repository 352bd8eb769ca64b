// Package webhook signs what is posted to a receiver, as Standard Webhooks 1.0
// has it: so that the receiver knows who sent it, and when.
package webhook
