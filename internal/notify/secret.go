package notify

import "ringfence/internal/webhook"

// Secret is shared with the receiver of a webhook, so that it knows who sent
// what it gets.
type Secret = webhook.Secret

// ErrSecret says what a file of secrets must hold. It holds nothing of the file.
var ErrSecret = webhook.ErrSecrets

// ParseSecrets reads the text of a file of secrets. Errors: ErrSecret.
func ParseSecrets(text string) ([]Secret, error) { return webhook.ParseSecrets(text) }
