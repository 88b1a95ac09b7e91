package main

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
)

type kafkaCluster struct{ name, bootstrap string }

// kafkaUI knows the clusters that its variables name. Like the real one it is healthy whether or not they are there,
// and says of each whether it is online.
func kafkaUI() (string, http.Handler, error) {
	env := environment()
	// Compression libraries are unpacked there.
	if err := writable("/tmp"); err != nil {
		return "", nil, err
	}
	var clusters []kafkaCluster
	for n := 0; ; n++ {
		prefix := fmt.Sprintf("KAFKA_CLUSTERS_%d_", n)
		cluster := kafkaCluster{env[prefix+"NAME"], env[prefix+"BOOTSTRAPSERVERS"]}
		if cluster == (kafkaCluster{}) {
			break
		}
		if cluster.name == "" || cluster.bootstrap == "" {
			return "", nil, fmt.Errorf("%sNAME and %sBOOTSTRAPSERVERS belong together", prefix, prefix)
		}
		log.Printf("cluster %s at %s", cluster.name, cluster.bootstrap)
		clusters = append(clusters, cluster)
	}
	if len(clusters) == 0 {
		return "", nil, errors.New("no cluster: KAFKA_CLUSTERS_0_NAME is not set")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /actuator/health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "UP"})
	})
	mux.HandleFunc("GET /api/clusters", func(w http.ResponseWriter, _ *http.Request) {
		all := []map[string]string{}
		for _, cluster := range clusters {
			all = append(all, map[string]string{"name": cluster.name, "status": cluster.status()})
		}
		answer(w, http.StatusOK, all)
	})
	port := env["SERVER_PORT"]
	if port == "" {
		port = "8080"
	}
	return ":" + port, mux, nil
}

func (c kafkaCluster) status() string {
	for _, address := range strings.Split(c.bootstrap, ",") {
		if err := reachable(address); err != nil {
			log.Printf("cluster %s: %v", c.name, err)
			return "offline"
		}
	}
	return "online"
}
