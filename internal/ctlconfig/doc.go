// Package ctlconfig is the file in which an administrator's command line finds
// its servers: named contexts, each with an address, the authority to trust and
// the credential to show. The server writes its first administrator's
// credential as exactly such a file.
//
//	currentContext: main
//	contexts:
//	  - name: main
//	    server: mdm.example.com:9443
//	    deviceServer: mdm.example.com:8443
//	    caFile: ca.pem            # or ca: with the PEM itself
//	    certificateFile: me.pem   # or certificate:
//	    keyFile: me.key           # or key:
//
// A relative path is taken from the folder of the file that names it. The file
// holds a private key, so it is written readable by its owner only.
package ctlconfig
