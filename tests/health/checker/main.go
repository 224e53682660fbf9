// What three judges make of the same objects: kstatus as cli-utils computes it, Argo CD's health script in the engine
// that Argo CD runs it in, and the health check expressions of a Flux Kustomization in Flux's own evaluator.
//
// Reads one JSON document from stdin: objects, Lua scripts and expressions by kind. Prints one line of JSON for each.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type input struct {
	Objects     []json.RawMessage                           `json:"objects"`
	Scripts     map[string]string                           `json:"scripts"`
	Expressions map[string]kustomize.HealthCheckExpressions `json:"expressions"`
}

type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type verdict struct {
	Kstatus string `json:"kstatus"`
	Argo    health `json:"argo"`
	Flux    string `json:"flux"`
}

func main() {
	if err := judgeAll(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judgeAll() error {
	var given input
	if err := json.NewDecoder(bufio.NewReader(os.Stdin)).Decode(&given); err != nil {
		return err
	}
	evaluators := map[string]*cel.StatusEvaluator{}
	for kind, expressions := range given.Expressions {
		evaluator, err := cel.NewStatusEvaluator(&expressions)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		evaluators[kind] = evaluator
	}
	out := json.NewEncoder(os.Stdout)
	for _, raw := range given.Objects {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil { // Whole numbers become int64, as they come from a cluster.
			return err
		}
		kind := object.GetKind()
		judged, err := judge(object, given.Scripts[kind], evaluators[kind])
		if err != nil {
			return fmt.Errorf("%s %s: %w", kind, object.GetName(), err)
		}
		if err := out.Encode(judged); err != nil {
			return err
		}
	}
	return nil
}

func judge(object *unstructured.Unstructured, script string, evaluator *cel.StatusEvaluator) (*verdict, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	computed, err := status.Compute(object)
	if err != nil {
		return nil, err
	}
	argo, err := runHealthScript(ctx, object, script)
	if err != nil {
		return nil, err
	}
	flux, err := evaluator.Evaluate(ctx, object)
	if err != nil {
		return nil, err
	}
	return &verdict{Kstatus: string(computed.Status), Argo: *argo, Flux: string(flux.Status)}, nil
}

// As Argo CD runs a script of argocd-cm: no standard library but base and table, one second of time.
// https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#custom-health-checks
func runHealthScript(ctx context.Context, object *unstructured.Unstructured, script string) (*health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	state.SetContext(ctx)
	state.SetGlobal("obj", luaValue(state, object.Object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	result, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the script returned no table")
	}
	encoded, err := luajson.Encode(result)
	if err != nil {
		return nil, err
	}
	said := &health{}
	return said, json.Unmarshal(encoded, said)
}

func luaValue(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(luaValue(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, luaValue(state, item))
		}
		return table
	}
	return lua.LNil
}
