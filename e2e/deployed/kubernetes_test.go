package deployed

import (
	"os/exec"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The settings of the manifests are taken by the program that they are for.
func TestTheSettingsOfKubernetesAreTaken(t *testing.T) {
	printed, err := exec.CommandContext(t.Context(), tool(t, "deploy"), "kubernetes", "../../deployments/kubernetes/base").Output()
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for document := range strings.SplitSeq(string(printed), "\n---\n") {
		var object struct {
			Kind string
			Data map[string]string
		}
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		if object.Kind == "ConfigMap" {
			for name, value := range object.Data {
				env = append(env, name+"="+value)
			}
		}
	}
	out, err := command(t, env, binary, "config", "--changed")
	if err != nil || len(env) == 0 || strings.Count(out, "MILLRACE_") != len(env) {
		t.Errorf("%v: of %d settings there are\n%s", err, len(env), out)
	}
}
