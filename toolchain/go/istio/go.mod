module echorator.dev/toolchain/istio

go 1.26

require istio.io/api v1.28.0
