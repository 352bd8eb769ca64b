// Package terms reads what a server says an app may go by: the signed lease, and
// the policy whose content the lease names by its hash.
//
//	lease   CMS, signed by the lease signer under the roots of the registration
//	        ├─ registration, epoch     whose it is: nobody else's holds
//	        ├─ number                  greater than every one before
//	        └─ policy_revision ──────▶ SHA-256 of all that the policy says
//
// So a policy needs no signature of its own, and an old policy cannot be put
// beside a new lease. Whatever does not hold is an error and changes nothing:
// the app goes on with what it has until that runs out.
package terms
