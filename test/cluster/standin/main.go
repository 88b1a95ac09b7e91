// standin stands in for programs that tests of a deployment cannot have: it serves what such a test asks for, and looks
// as strictly as they do at what it is given (files, variables, addresses, rights).
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const dialTimeout = 2 * time.Second

func main() {
	log.SetFlags(log.Ltime)
	// By the name of what starts in the real image.
	programs := map[string]func() (address string, handler http.Handler, err error){"run.sh": grafana, "api": kafkaUI}
	program, isKnown := programs[filepath.Base(os.Args[0])]
	if !isKnown {
		log.Fatalf("there is no stand-in for %s", os.Args[0])
	}
	address, handler, err := program()
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
		log.Printf("ends: %v", <-stop)
		os.Exit(0)
	}()
	log.Printf("serves %s", address)
	log.Fatal(http.ListenAndServe(address, logged(handler)))
}

func logged(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &status{w, http.StatusOK}
		handler.ServeHTTP(answer, r)
		log.Printf("%s %s %d", r.Method, r.URL.Path, answer.code)
	})
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

// reachable says why an address takes no connection.
func reachable(address string) error {
	connection, err := net.DialTimeout("tcp", address, dialTimeout)
	if err != nil {
		return err
	}
	return connection.Close()
}

// writable says why nothing can be written to a folder.
func writable(folder string) error {
	file, err := os.CreateTemp(folder, "standin-")
	if err != nil {
		return fmt.Errorf("%s is not writable: %w", folder, err)
	}
	_ = file.Close()
	return os.Remove(file.Name())
}

// environment by name.
func environment() map[string]string {
	all := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		all[name] = value
	}
	return all
}
