package container

// KeyStore is where a phone keeps keys that never leave it. Each has a name and
// a counter, and both go with it. What it has answered is durable, and no backup
// of the phone's files brings back what it destroyed or lowers what it raised.
//
// Its methods may be called by several goroutines at once. A call that fails has
// been carried out wholly or not at all, and is not carried out later.
type KeyStore interface {
	// Counter gives what the key was last raised to; 0 for a new one, less than 0
	// where there is no key of that name. An error says neither.
	Counter(name string) (int64, error)
	// Wrap encrypts and authenticates a secret of 32 octets under the key, which
	// it makes where there is none, and gives up to 4096 octets.
	Wrap(name string, secret []byte) ([]byte, error)
	// Unwrap gives the secret back. It fails where there is no such key and where
	// this key has not wrapped it.
	Unwrap(name string, wrapped []byte) ([]byte, error)
	// Raise sets the counter. It fails where there is no such key, and where the
	// counter is not less already.
	Raise(name string, to int64) error
	// Destroy destroys the key and its counter; no error where there is none.
	Destroy(name string) error
}
