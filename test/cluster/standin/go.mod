module stockpipe.test/standin

go 1.24.0

require (
	github.com/apache/cassandra-gocql-driver/v2 v2.1.2
	sigs.k8s.io/yaml v1.6.0
)

require (
	go.yaml.in/yaml/v2 v2.4.2 // indirect
	gopkg.in/inf.v0 v0.9.1 // indirect
)
