// Package scim lets an identity provider tell the directory of people and groups
// over SCIM 2.0 (RFC 7643, RFC 7644).
//
//	/scim/v2/Users     /scim/v2/Users/{id}      GET POST · GET PUT PATCH DELETE
//	/scim/v2/Groups    /scim/v2/Groups/{id}     the same
//	/scim/v2/ServiceProviderConfig, ResourceTypes, Schemas       GET
//
// It speaks the standard, and the dialects of Entra ID and Okta where they are
// others: operations in any case, "False" for false, members removed by a list
// of values, attributes with a dot in a value without a path.
//
// What it promises:
//
//   - Nothing is answered without a token that works: the discovery documents
//     neither.
//   - Everything is bounded: a body has 1 MiB and a depth of 16, a filter 2 KiB
//     and 50 comparisons, a page 200 resources, a request 1,000 operations.
//   - Who guesses tokens is slowed down by network, and does not slow down those
//     with good ones.
//   - An attribute of a person that Ringfence does not need is read past, and
//     kept nowhere.
//   - No answer enables an account that was not asked for: a PUT that does not
//     mention active leaves it.
package scim
