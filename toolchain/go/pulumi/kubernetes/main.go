// The Kubernetes provider, served by a main of our own: the module's main
// embeds a metadata file that the release generates and the module lacks.
// schema.json is the module's, with its version set; the build puts it here.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

//go:embed schema.json
var schema []byte

// The release's metadata holds aliases of Terraform names. This provider was
// never a Terraform one, so it has none, but the argument must be JSON.
var metadata = []byte("{}")

func main() { provider.Serve("kubernetes", version.Version, schema, metadata) }
