// Package shim opens the Terraform provider's internal package to the bridge.
// Go lets a path below the provider's own import it, hence this module's name
// and the local replace in the go.mod above.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"
	random "github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// New returns the Terraform provider.
func New() provider.Provider { return random.New() }
