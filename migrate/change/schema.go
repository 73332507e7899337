package change

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Schema is the JSON schema (draft 2020-12) of change.yaml for editors, made from the types themselves.
func Schema() []byte {
	defs := map[string]any{}
	root := object(reflect.TypeFor[Change](), defs)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Sluice change"
	root["$defs"] = defs
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps, slices and strings only: cannot fail
	}
	return append(out, '\n')
}

func object(t reflect.Type, defs map[string]any) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		key, opt, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == "-" || f.Anonymous {
			continue
		}
		p := property(f.Type, defs)
		p["description"] = f.Tag.Get("doc")
		properties[key] = p
		if opt == "" {
			required = append(required, key)
		}
	}
	o := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	if t == reflect.TypeFor[Operation]() {
		o["minProperties"], o["maxProperties"] = 1, 1
	}
	return o
}

func property(t reflect.Type, defs map[string]any) map[string]any {
	switch {
	case t == reflect.TypeFor[Duration]():
		return map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": "array", "minItems": 1, "items": property(t.Elem(), defs)}
	case t.Kind() == reflect.Pointer:
		return property(t.Elem(), defs)
	case t.Kind() == reflect.Struct:
		if _, there := defs[t.Name()]; !there {
			defs[t.Name()] = nil
			defs[t.Name()] = object(t, defs)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	}
	return map[string]any{"type": "string", "minLength": 1}
}
