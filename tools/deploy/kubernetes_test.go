package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	strict "sigs.k8s.io/yaml"
)

func built(t *testing.T, folder string) *manifests {
	t.Helper()
	text, err := buildKustomization(deployments + "/kubernetes/" + folder)
	if err != nil {
		t.Fatal(err)
	}
	m, err := readManifests(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// pods are the templates of all pods, by the name of what makes them.
func (m *manifests) pods() map[string]corev1.PodTemplateSpec {
	out := map[string]corev1.PodTemplateSpec{}
	for _, s := range m.statefulSets {
		out[s.Name] = s.Spec.Template
	}
	for _, d := range m.deployments {
		out[d.Name] = d.Spec.Template
	}
	return out
}

func TestManifestsHaveTheirParts(t *testing.T) {
	for _, folder := range []string{"base", "keda"} {
		m := built(t, folder)
		if len(m.statefulSets) != 1 || len(m.deployments) != 2 || len(m.services) != 3 || len(m.budgets) != 3 || len(m.configMaps) != 1 {
			t.Errorf("%s: parts are missing: %+v", folder, m)
		}
		pods := m.pods()
		shipper := m.statefulSets[0]
		if len(shipper.Spec.VolumeClaimTemplates) != 1 || shipper.Spec.ServiceName != "log-shippers" ||
			shipper.Spec.PersistentVolumeClaimRetentionPolicy.WhenScaled != "Retain" {
			t.Errorf("%s: the journals are not kept", folder)
		}
		selects := func(what string, selector *metav1.LabelSelector) {
			chosen, err := metav1.LabelSelectorAsSelector(selector)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, pod := range pods {
				if chosen.Matches(labels.Set(pod.Labels)) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s: %s selects %d kinds of pods", folder, what, n)
			}
		}
		for _, b := range m.budgets {
			selects("the budget "+b.Name, b.Spec.Selector)
		}
		for _, s := range m.services {
			selects("the service "+s.Name, &metav1.LabelSelector{MatchLabels: s.Spec.Selector})
		}
		for _, d := range m.deployments {
			selects("the deployment "+d.Name, d.Spec.Selector)
			scaled := d.Name == "api-gateway" || folder == "keda"
			if (d.Spec.Replicas == nil) != scaled {
				t.Errorf("%s: %s is scaled by two, or by nobody", folder, d.Name)
			}
		}
		for _, h := range m.autoscalers {
			if _, ok := pods[h.Spec.ScaleTargetRef.Name]; !ok {
				t.Errorf("%s: %s scales nothing", folder, h.Name)
			}
		}
	}
}

func TestPodsAreConfinedAndProbed(t *testing.T) {
	m := built(t, "base")
	known := settings(t)
	for variable := range m.configMaps[0].Data {
		if !slices.Contains(known, variable) {
			t.Errorf("%s is no setting", variable)
		}
	}
	for name, pod := range m.pods() {
		spec, c := pod.Spec, pod.Spec.Containers[0]
		if !*spec.SecurityContext.RunAsNonRoot || !*c.SecurityContext.ReadOnlyRootFilesystem || *c.SecurityContext.AllowPrivilegeEscalation ||
			!slices.Contains(c.SecurityContext.Capabilities.Drop, "ALL") || spec.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s may do more than it needs", name)
		}
		// A role that is told to stop may take shutdown-timeout, 30 s.
		if grace := *spec.TerminationGracePeriodSeconds; grace < c.Lifecycle.PreStop.Sleep.Seconds+30+5 {
			t.Errorf("%s has %d s to drain", name, grace)
		}
		if c.LivenessProbe.HTTPGet.Path != "/actuator/health/liveness" || c.ReadinessProbe.HTTPGet.Path != "/actuator/health/readiness" ||
			c.StartupProbe == nil || c.LivenessProbe.HTTPGet.Port.StrVal != c.Ports[0].Name {
			t.Errorf("%s is probed at %+v and %+v", name, c.LivenessProbe, c.ReadinessProbe)
		}
		if c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s says not what it needs", name)
		}
		if _, port, _ := strings.Cut(m.configMaps[0].Data["MILLRACE_"+strings.ToUpper(c.Args[0])+"_ADDR"], ":"); port == "" ||
			port != pod.Annotations["prometheus.io/port"] {
			t.Errorf("%s listens at %q, and is scraped at %s", name, port, pod.Annotations["prometheus.io/port"])
		}
		for _, e := range c.Env {
			if !slices.Contains(known, e.Name) {
				t.Errorf("%s sets %s, which is no setting", name, e.Name)
			}
		}
	}
}

// keda is where the schema of a ScaledObject comes from.
const keda = "github.com/kedacore/keda/v2@v2.18.1"

func TestTheScaledObjectFitsItsSchema(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", keda).Output()
	if err != nil {
		t.Fatalf("fetching KEDA's schemas: %v", err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(module.Dir, "config/crd/bases/keda.sh_scaledobjects.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := strict.Unmarshal(text, &definition); err != nil {
		t.Fatal(err)
	}
	root := definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	closeObjects(root)
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("keda.json", root); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("keda.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(manifest []byte) error {
		var object any
		if err := strict.Unmarshal(manifest, &object); err != nil {
			t.Fatal(err)
		}
		return schema.Validate(object)
	}
	object := built(t, "keda").others["ScaledObject"]
	if err := validate(object); err != nil {
		t.Error(err)
	}
	// The schema can say no.
	for _, wrong := range []string{"minReplicas: 2", "minReplicaCount: many"} {
		if validate([]byte(strings.Replace(string(object), "minReplicaCount: 2", wrong, 1))) == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}

// closeObjects forbids members that a schema does not name: Kubernetes drops
// them without a word.
func closeObjects(schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	if _, open := schema["x-kubernetes-preserve-unknown-fields"]; len(properties) > 0 && !open && schema["additionalProperties"] == nil {
		schema["additionalProperties"] = false
	}
	for _, value := range properties {
		if child, ok := value.(map[string]any); ok {
			closeObjects(child)
		}
	}
	if items, ok := schema["items"].(map[string]any); ok {
		closeObjects(items)
	}
}

func TestManifestsAreReadStrictly(t *testing.T) {
	text, err := buildKustomization(deployments + "/kubernetes/base")
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"maxUnavailable: 1":                 "maxUnavailabel: 1",
		"terminationGracePeriodSeconds: 60": "terminationGracePeriodSeconds: long",
		"kind: StatefulSet":                 "kind: StatelessSet",
	} {
		if _, err := readManifests([]byte(strings.Replace(string(text), from, to, 1))); err == nil {
			t.Errorf("%s is taken", to)
		}
	}
}
