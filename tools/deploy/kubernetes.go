package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// buildKustomization returns the manifests that kustomize makes of a folder.
func buildKustomization(dir string) ([]byte, error) {
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	return made.AsYaml()
}

// manifests is what a folder makes, in the types of Kubernetes.
type manifests struct {
	configMaps   []*corev1.ConfigMap
	services     []*corev1.Service
	statefulSets []*appsv1.StatefulSet
	deployments  []*appsv1.Deployment
	budgets      []*policyv1.PodDisruptionBudget
	autoscalers  []*autoscalingv2.HorizontalPodAutoscaler
	others       map[string][]byte // by kind: what is not Kubernetes' own
}

// readManifests reads manifests. A field that its type does not have, or has
// twice, or of another type, is an error, as is a kind that is not known.
func readManifests(text []byte) (*manifests, error) {
	m := &manifests{others: map[string][]byte{}}
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err == nil {
			err = m.read(document)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (m *manifests) read(document []byte) error {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if err := strict.Unmarshal(document, &head); err != nil {
		return err
	}
	var err error
	switch head.APIVersion + " " + head.Kind {
	case "v1 Namespace":
		err = strict.UnmarshalStrict(document, &corev1.Namespace{})
	case "v1 ConfigMap":
		m.configMaps, err = readInto(m.configMaps, document)
	case "v1 Service":
		m.services, err = readInto(m.services, document)
	case "apps/v1 StatefulSet":
		m.statefulSets, err = readInto(m.statefulSets, document)
	case "apps/v1 Deployment":
		m.deployments, err = readInto(m.deployments, document)
	case "policy/v1 PodDisruptionBudget":
		m.budgets, err = readInto(m.budgets, document)
	case "autoscaling/v2 HorizontalPodAutoscaler":
		m.autoscalers, err = readInto(m.autoscalers, document)
	case "keda.sh/v1alpha1 ScaledObject":
		m.others[head.Kind] = document
	default:
		err = errors.New("its kind is not known here")
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", head.Kind, head.Metadata.Name, err)
	}
	return nil
}

func readInto[T any](list []*T, document []byte) ([]*T, error) {
	one := new(T)
	err := strict.UnmarshalStrict(document, one)
	return append(list, one), err
}
