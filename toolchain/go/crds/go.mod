module echorator.dev/toolchain/crds

go 1.26

require (
	github.com/cert-manager/cert-manager v1.21.0
	github.com/cloudnative-pg/cloudnative-pg v1.27.0
	github.com/kedacore/keda/v2 v2.20.0
	github.com/prometheus-operator/prometheus-operator v0.85.0
	k8s.io/autoscaler/vertical-pod-autoscaler v1.5.1
	sigs.k8s.io/cluster-api v1.14.0
	sigs.k8s.io/cluster-api-provider-aws/v2 v2.10.0
	sigs.k8s.io/cluster-api-provider-azure v1.21.0
	sigs.k8s.io/cluster-api-provider-gcp v1.10.0
	sigs.k8s.io/cluster-api/test v1.14.0
	sigs.k8s.io/gateway-api v1.4.0
	sigs.k8s.io/karpenter v1.8.0
)
