package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

const (
	cassandraType = "hadesarchitect-cassandra-datasource"
	queryTimeout  = 10 * time.Second
)

// shown is what the API tells of a data source: nothing secret.
func (s source) shown() map[string]any {
	return map[string]any{"uid": s.UID, "name": s.Name, "type": s.Type, "url": s.URL, "jsonData": s.JSONData, "readOnly": true}
}

// health logs in at a Cassandra, and connects to anything else.
func (s source) health() error {
	if s.Type == cassandraType {
		_, err := s.run("SELECT release_version FROM system.local")
		return err
	}
	address, err := url.Parse(s.URL)
	if err != nil || address.Host == "" {
		return fmt.Errorf("no address in %q", s.URL)
	}
	host := address.Host
	if address.Port() == "" {
		host = net.JoinHostPort(host, map[string]string{"https": "443"}[address.Scheme]+map[string]string{"http": "80"}[address.Scheme])
	}
	return reachable(host)
}

// answer is a frame: columns by name.
func (s source) answer(cql string, target httpTarget) (map[string]any, error) {
	switch s.Type {
	case cassandraType:
		return s.run(cql)
	case httpType:
		return s.fetch(target)
	}
	return nil, fmt.Errorf("this stand-in does not query %s", s.Type)
}

// run gives the rows of a query in CQL.
func (s source) run(query string) (map[string]any, error) {
	session, err := s.connection.of(s)
	if err != nil {
		return nil, err
	}
	iterator := session.Query(query).Iter()
	columns := iterator.Columns()
	rows, err := iterator.SliceMap()
	if err != nil {
		return nil, err
	}
	fields, values := []any{}, []any{}
	for _, column := range columns {
		fields = append(fields, map[string]any{"name": column.Name})
		of := []any{}
		for _, row := range rows {
			of = append(of, row[column.Name])
		}
		values = append(values, of)
	}
	return map[string]any{"schema": map[string]any{"fields": fields}, "data": map[string]any{"values": values}}, nil
}

// connection of a source: as the plugin does, it is opened once and kept, for a login costs a server more than a query.
type connection struct {
	lock    sync.Mutex
	session *gocql.Session
	err     error
	failed  time.Time
}

// of gives the session. Those who waited while it could not be opened share the error.
func (c *connection) of(s source) (*gocql.Session, error) {
	asked := time.Now()
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.session != nil {
		return c.session, nil
	}
	if c.failed.After(asked) {
		return nil, c.err
	}
	if c.session, c.err = s.session(); c.err != nil {
		c.session, c.failed = nil, time.Now()
	}
	return c.session, c.err
}

func (s source) session() (*gocql.Session, error) {
	user, _ := s.JSONData["user"].(string)
	hosts := strings.FieldsFunc(s.URL, func(r rune) bool { return r == ';' })
	if len(hosts) == 0 || user == "" || s.SecureJSONData["password"] == "" {
		return nil, errors.New("address, user or password is missing")
	}
	host, port, err := net.SplitHostPort(hosts[0])
	if err != nil {
		return nil, err
	}
	cluster := gocql.NewCluster(host)
	if cluster.Port, err = strconv.Atoi(port); err != nil {
		return nil, err
	}
	// As the plugin does: it begins with the hosts that are named.
	cluster.DisableInitialHostLookup = true
	cluster.NumConns = 1
	cluster.Timeout, cluster.ConnectTimeout = queryTimeout, queryTimeout
	cluster.Consistency = consistency(s.JSONData)
	cluster.Keyspace, _ = s.JSONData["keyspace"].(string)
	cluster.Authenticator = gocql.PasswordAuthenticator{Username: user, Password: s.SecureJSONData["password"]}
	return cluster.CreateSession()
}

func consistency(settings map[string]any) gocql.Consistency {
	name, _ := settings["consistency"].(string)
	level := gocql.LocalOne
	_ = level.UnmarshalText([]byte(name))
	return level
}
