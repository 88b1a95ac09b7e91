package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const httpType = "yesoreyeram-infinity-datasource"

// httpTarget is a query of an HTTP API: which list of the answer, and which of its fields.
type httpTarget struct {
	URL          string `json:"url"`
	RootSelector string `json:"root_selector"`
	Columns      []struct {
		Selector, Text string
	} `json:"columns"`
}

var client = http.Client{Timeout: queryTimeout}

// fetch gives the rows of an answer in JSON.
func (s source) fetch(target httpTarget) (map[string]any, error) {
	request, err := http.NewRequest(http.MethodGet, s.URL+target.URL, nil)
	if err != nil {
		return nil, err
	}
	for name, value := range s.headers() {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		words, _ := io.ReadAll(io.LimitReader(response.Body, 300))
		return nil, fmt.Errorf("%s answers with %d: %s", target.URL, response.StatusCode, words)
	}
	var body map[string]json.RawMessage
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		return nil, fmt.Errorf("%s: %w", target.URL, err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(body[target.RootSelector], &rows); err != nil {
		return nil, fmt.Errorf("%s has no list %q: %w", target.URL, target.RootSelector, err)
	}
	fields, values := []any{}, []any{}
	for _, column := range target.Columns {
		fields = append(fields, map[string]any{"name": column.Text})
		of := []any{}
		for _, row := range rows {
			of = append(of, row[column.Selector])
		}
		values = append(values, of)
	}
	return map[string]any{"schema": map[string]any{"fields": fields}, "data": map[string]any{"values": values}}, nil
}

// headers are those of the data source: a name among its settings, and the value of that number among its secrets.
func (s source) headers() map[string]string {
	const name, value = "httpHeaderName", "httpHeaderValue"
	all := map[string]string{}
	for key, header := range s.JSONData {
		if number, isName := strings.CutPrefix(key, name); isName {
			all[fmt.Sprint(header)] = s.SecureJSONData[value+number]
		}
	}
	return all
}
