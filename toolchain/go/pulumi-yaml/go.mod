module echorator.dev/toolchain/pulumi-yaml

go 1.26

replace github.com/atotto/clipboard => github.com/tgummerer/clipboard v0.0.0-20241001131231-d02d263e614e

require (
	github.com/pulumi/pulumi-yaml v1.29.1
	github.com/pulumi/pulumi/pkg/v3 v3.224.0
	github.com/pulumi/pulumi/sdk/v3 v3.224.0
)
