module echorator.dev/toolchain/prometheus

go 1.26

require github.com/prometheus/prometheus v0.305.0 // indirect
