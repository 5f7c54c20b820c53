// The random provider: the Terraform provider behind Pulumi's bridge. The
// release's own main is not in the module proxy, and the schema it embeds is
// generated, so this one makes the schema when it starts.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"
	bridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/terraform-providers/terraform-provider-random/shim"
)

// Set by the linker from the catalogue, so that it is written in one place.
var version string

// The SDK's types are RandomPassword, RandomId and so on, all in one module.
func token(module, name string) (string, error) {
	return tokens.MakeStandard("random")(module, "Random"+name)
}

func main() {
	ctx := context.Background()
	info := bridge.ProviderInfo{
		P:            tfbridge.ShimProvider(shim.New()),
		Name:         "random",
		Version:      version,
		MetadataInfo: bridge.NewProviderMetadata([]byte("{}")),
		// Where the upstream documentation is. Left empty, each start would run
		// `go mod download` to look for it, and print that there is none.
		UpstreamRepoPath: "/nonexistent",
	}
	info.MustComputeTokens(tokens.SingleModule("random_", "index", token))

	// The generator warns of each resource whose documentation it lacks, and the
	// engine shows the user what a plugin prints. Its errors are returned as well.
	quiet := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	schema, err := tfgen.GenerateSchema(ctx, tfgen.GenerateSchemaOptions{ProviderInfo: info, DiagnosticsSink: quiet})
	if err != nil {
		fmt.Fprintf(os.Stderr, "random provider: cannot make its schema: %v\n", err)
		os.Exit(1)
	}
	tfbridge.Main(ctx, "random", info, tfbridge.ProviderMetadata{
		PackageSchema:  schema.ProviderMetadata.PackageSchema,
		BridgeMetadata: schema.ProviderMetadata.BridgeMetadata,
	})
}
