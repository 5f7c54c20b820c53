module echorator.dev/toolchain/kube-router

go 1.26

replace github.com/cloudnativelabs/kube-router/v2 => github.com/k3s-io/kube-router/v2 v2.2.1

require github.com/cloudnativelabs/kube-router/v2 v2.2.1
