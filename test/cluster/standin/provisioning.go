package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

type provisioned struct {
	sources    map[string]source
	dashboards map[string]dashboard
}

type source struct {
	UID, Name, Type, URL string
	JSONData             map[string]any    `json:"jsonData"`
	SecureJSONData       map[string]string `json:"secureJsonData"`
	connection           *connection
}

type dashboard struct {
	file, folder string
	model        map[string]any
}

// readProvisioning reads all that the folder has. What is missing is not there, and what cannot be read is an error.
func readProvisioning(root string) (*provisioned, error) {
	p := &provisioned{sources: map[string]source{}, dashboards: map[string]dashboard{}}
	kinds := map[string]func([]byte) error{
		"datasources": p.readSources,
		"dashboards":  p.readProviders,
		"alerting":    func([]byte) error { return nil },
		"plugins":     func([]byte) error { return nil },
	}
	for kind, read := range kinds {
		files, err := yamlFiles(filepath.Join(root, kind))
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			log.Printf("provisioning: no %s in %s", kind, root)
		}
		for _, file := range files {
			text, err := asJSON(file)
			if err == nil {
				err = read(text)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			log.Printf("provisioning: read %s", file)
		}
	}
	return p, nil
}

func yamlFiles(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if os.IsNotExist(err) {
		return nil, nil
	}
	var files []string
	for _, entry := range entries {
		if ending := filepath.Ext(entry.Name()); ending == ".yaml" || ending == ".yml" {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	return files, err
}

func asJSON(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return yaml.YAMLToJSON(text)
}

func (p *provisioned) readSources(text []byte) error {
	var file struct{ Datasources []map[string]any }
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	for _, raw := range file.Datasources {
		filled, err := json.Marshal(filledIn(raw))
		if err != nil {
			return err
		}
		var s source
		if err := json.Unmarshal(filled, &s); err != nil {
			return err
		}
		if s.UID == "" || s.Name == "" || s.Type == "" {
			return fmt.Errorf("a data source lacks uid, name or type")
		}
		s.connection = &connection{}
		p.sources[s.UID] = s
		log.Printf("data source %s (%s) at %q", s.UID, s.Type, s.URL)
	}
	return nil
}

var variable = regexp.MustCompile(`\$\$|\$\{(\w+)\}|\$__env\{(\w+)\}|\$__file\{([^}]+)\}|\$(\w+)`)

// filledIn has variables and files in the place of their names, everywhere.
func filledIn(value any) any {
	switch v := value.(type) {
	case string:
		return variable.ReplaceAllStringFunc(v, lookUp)
	case map[string]any:
		for key := range v {
			v[key] = filledIn(v[key])
		}
	case []any:
		for i := range v {
			v[i] = filledIn(v[i])
		}
	}
	return value
}

func lookUp(match string) string {
	parts := variable.FindStringSubmatch(match)
	if match == "$$" {
		return "$"
	}
	if parts[3] != "" {
		text, err := os.ReadFile(parts[3])
		if err != nil {
			log.Printf("provisioning: %v", err)
		}
		return strings.TrimSpace(string(text))
	}
	name := parts[1] + parts[2] + parts[4]
	value, isSet := os.LookupEnv(name)
	if !isSet {
		log.Printf("provisioning: the variable %s is not set", name)
	}
	return value
}

// readProviders reads the dashboards that a file names. One that names a folder of nothing has come without its mount.
func (p *provisioned) readProviders(text []byte) error {
	var file struct {
		Providers []struct {
			Name, Folder string
			Options      struct{ Path string }
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	for _, provider := range file.Providers {
		before := len(p.dashboards)
		if err := p.readDashboards(provider.Options.Path, provider.Folder); err != nil {
			return err
		}
		if len(p.dashboards) == before {
			return fmt.Errorf("provider %s: there is no dashboard in %s", provider.Name, provider.Options.Path)
		}
	}
	return nil
}

func (p *provisioned) readDashboards(root, folder string) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(root, entry.Name())
		// A mounted folder has links to files, and hidden ones to folders.
		about, err := os.Stat(path)
		if err != nil {
			return err
		}
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if about.IsDir() {
			err = p.readDashboards(path, folder)
		} else if filepath.Ext(path) == ".json" {
			err = p.readDashboard(path, folder)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *provisioned) readDashboard(path, folder string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	model := map[string]any{}
	if err := json.Unmarshal(text, &model); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	uid, _ := model["uid"].(string)
	title, _ := model["title"].(string)
	if uid == "" || title == "" {
		return fmt.Errorf("%s: a dashboard has a uid and a title", path)
	}
	if other, isTaken := p.dashboards[uid]; isTaken {
		return fmt.Errorf("%s: the uid %s is that of %s", path, uid, other.file)
	}
	p.dashboards[uid] = dashboard{filepath.Base(path), folder, model}
	log.Printf("dashboard %s: %s", uid, title)
	return nil
}
