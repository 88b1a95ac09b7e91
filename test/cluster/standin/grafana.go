package main

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// grafanaSettings of the process: GF_ variables, which may name files instead of values.
type grafanaSettings struct{ user, password, provisioning, data, port string }

func grafana() (string, http.Handler, error) {
	s, err := readGrafanaSettings(environment())
	if err != nil {
		return "", nil, err
	}
	if err := writable(s.data); err != nil {
		return "", nil, fmt.Errorf("GF_PATHS_DATA: %w", err)
	}
	p, err := readProvisioning(s.provisioning)
	if err != nil {
		return "", nil, fmt.Errorf("provisioning: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"database": "ok", "version": os.Getenv("GRAFANA_VERSION")})
	})
	mux.HandleFunc("GET /api/datasources", s.forAdmin(p.listSources))
	mux.HandleFunc("GET /api/datasources/uid/{uid}", s.forAdmin(p.showSource))
	mux.HandleFunc("GET /api/datasources/uid/{uid}/health", s.forAdmin(p.sourceHealth))
	mux.HandleFunc("GET /api/dashboards/uid/{uid}", s.forAdmin(p.showDashboard))
	mux.HandleFunc("GET /api/search", s.forAdmin(p.listDashboards))
	mux.HandleFunc("POST /api/ds/query", s.forAdmin(p.query))
	return ":" + s.port, mux, nil
}

func readGrafanaSettings(env map[string]string) (grafanaSettings, error) {
	values := map[string]string{}
	for name, value := range env {
		plain, isFile := strings.CutSuffix(name, "__FILE")
		if !strings.HasPrefix(name, "GF_") || !isFile {
			continue
		}
		if env[plain] != "" {
			return grafanaSettings{}, fmt.Errorf("both %s and %s are set", plain, name)
		}
		text, err := os.ReadFile(value)
		if err != nil {
			return grafanaSettings{}, fmt.Errorf("%s: %w", name, err)
		}
		values[plain] = strings.TrimRight(string(text), "\n")
	}
	read := func(name, otherwise string) string {
		for _, value := range []string{values[name], env[name]} {
			if value != "" {
				return value
			}
		}
		return otherwise
	}
	return grafanaSettings{
		user:         read("GF_SECURITY_ADMIN_USER", "admin"),
		password:     read("GF_SECURITY_ADMIN_PASSWORD", "admin"),
		provisioning: read("GF_PATHS_PROVISIONING", "/etc/grafana/provisioning"),
		data:         read("GF_PATHS_DATA", "/var/lib/grafana"),
		port:         read("GF_SERVER_HTTP_PORT", "3000"),
	}, nil
}

func (s grafanaSettings) forAdmin(handle http.HandlerFunc) http.HandlerFunc {
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if !same(user, s.user) || !same(password, s.password) {
			answer(w, http.StatusUnauthorized, message("Invalid username or password"))
			return
		}
		handle(w, r)
	}
}

func message(text string) map[string]string { return map[string]string{"message": text} }

func (p *provisioned) listSources(w http.ResponseWriter, _ *http.Request) {
	all := []any{}
	for _, source := range p.sources {
		all = append(all, source.shown())
	}
	answer(w, http.StatusOK, all)
}

func (p *provisioned) showSource(w http.ResponseWriter, r *http.Request) {
	if source, isKnown := p.sources[r.PathValue("uid")]; isKnown {
		answer(w, http.StatusOK, source.shown())
		return
	}
	answer(w, http.StatusNotFound, message("Data source not found"))
}

func (p *provisioned) sourceHealth(w http.ResponseWriter, r *http.Request) {
	source, isKnown := p.sources[r.PathValue("uid")]
	if !isKnown {
		answer(w, http.StatusNotFound, message("Data source not found"))
		return
	}
	if err := source.health(); err != nil {
		log.Printf("%s: %v", source.Name, err)
		answer(w, http.StatusBadRequest, map[string]string{"status": "ERROR", "message": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "OK", "message": "Connected"})
}

func (p *provisioned) listDashboards(w http.ResponseWriter, _ *http.Request) {
	all := []any{}
	for uid, dashboard := range p.dashboards {
		all = append(all, map[string]any{"uid": uid, "title": dashboard.model["title"], "type": "dash-db"})
	}
	answer(w, http.StatusOK, all)
}

func (p *provisioned) showDashboard(w http.ResponseWriter, r *http.Request) {
	dashboard, isKnown := p.dashboards[r.PathValue("uid")]
	if !isKnown {
		answer(w, http.StatusNotFound, message("Dashboard not found"))
		return
	}
	meta := map[string]any{"provisioned": true, "provisionedExternalId": dashboard.file, "folderTitle": dashboard.folder}
	answer(w, http.StatusOK, map[string]any{"dashboard": dashboard.model, "meta": meta})
}

type queryRequest struct {
	// Unix milliseconds.
	From, To string
	Queries  []struct {
		RefID  string `json:"refId"`
		Target string `json:"target"`
		httpTarget
		Datasource struct {
			UID string `json:"uid"`
		} `json:"datasource"`
	}
}

// expand does what the plugin does with CQL.
func (q queryRequest) expand(cql string) string {
	from, _ := strconv.ParseInt(q.From, 10, 64)
	to, _ := strconv.ParseInt(q.To, 10, 64)
	text := func(value int64) string { return strconv.FormatInt(value, 10) }
	return strings.NewReplacer("$__timeFrom", text(from), "$__timeTo", text(to),
		"$__unixEpochFrom", text(from/1000), "$__unixEpochTo", text(to/1000)).Replace(cql)
}

// query runs CQL, with the rights of the data source.
func (p *provisioned) query(w http.ResponseWriter, r *http.Request) {
	var request queryRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		answer(w, http.StatusBadRequest, message("bad request data: "+err.Error()))
		return
	}
	results, code := map[string]any{}, http.StatusOK
	for _, query := range request.Queries {
		source, isKnown := p.sources[query.Datasource.UID]
		if !isKnown {
			answer(w, http.StatusNotFound, message("Data source not found"))
			return
		}
		frame, err := source.answer(request.expand(query.Target), query.httpTarget)
		if err != nil {
			log.Printf("%s: %s: %v", source.Name, query.Target, err)
			results[query.RefID], code = map[string]any{"error": err.Error(), "status": 500}, http.StatusInternalServerError
			continue
		}
		results[query.RefID] = map[string]any{"status": 200, "frames": []any{frame}}
	}
	answer(w, code, map[string]any{"results": results})
}
