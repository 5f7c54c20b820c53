module echorator.dev/pause

go 1.24
