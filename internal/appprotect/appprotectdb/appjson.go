package appprotectdb

import (
	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
)

// appForm is what is known of an app beside its package.
type appForm struct {
	Title   string      `json:"title,omitempty"`
	Signers []string    `json:"signer_sha256,omitempty"`
	Groups  []string    `json:"groups,omitempty"`
	Schema  *schemaForm `json:"schema,omitempty"`
}

type schemaForm struct {
	Package   string     `json:"package"`
	Items     []itemForm `json:"items,omitempty"`
	OEMConfig bool       `json:"oem_config,omitempty"`
}

type itemForm struct {
	Key         string             `json:"key"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Kind        apprules.ItemKind  `json:"kind"`
	Merge       apprules.ItemMerge `json:"merge,omitempty"`
	Min         int64              `json:"min,omitempty"`
	Max         int64              `json:"max,omitempty"`
	Choices     []string           `json:"choices,omitempty"`
	Default     []string           `json:"default,omitempty"`
	Hidden      bool               `json:"hidden,omitempty"`
	Items       []itemForm         `json:"items,omitempty"`
}

func toItemForm(i apprules.Item) itemForm {
	return itemForm{
		Key: i.Key, Title: i.Title, Description: i.Description, Kind: i.Kind, Merge: i.Merge, Min: i.Min, Max: i.Max,
		Choices: i.Choices, Default: i.Default, Hidden: i.Hidden, Items: list(i.Items, toItemForm),
	}
}

func (f itemForm) item() apprules.Item {
	return apprules.Item{
		Key: f.Key, Title: f.Title, Description: f.Description, Kind: f.Kind, Merge: f.Merge, Min: f.Min, Max: f.Max,
		Choices: f.Choices, Default: f.Default, Hidden: f.Hidden, Items: list(f.Items, itemForm.item),
	}
}

// encodeApp refuses a schema that would not be read back.
func encodeApp(a appprotect.KnownApp) (string, error) {
	form := appForm{Title: a.Title, Signers: a.SignerSHA256, Groups: a.Groups}
	if s := a.Schema; s != nil {
		if err := s.Validate(); err != nil {
			return "", invalid("schema", err)
		}
		form.Schema = &schemaForm{s.Package, list(s.Items, toItemForm), s.OEMConfig}
	}
	return encode(form, maxPolicy)
}

func decodeApp(raw string) (appprotect.KnownApp, error) {
	form, err := decode[appForm](raw, maxPolicy)
	if err != nil {
		return appprotect.KnownApp{}, err
	}
	a := appprotect.KnownApp{Title: form.Title, SignerSHA256: form.Signers, Groups: form.Groups}
	if s := form.Schema; s != nil {
		a.Schema = &apprules.Schema{
			Package: s.Package, Items: list(s.Items, itemForm.item), OEMConfig: s.OEMConfig,
		}
		if err := a.Schema.Validate(); err != nil {
			return appprotect.KnownApp{}, err
		}
	}
	return a, nil
}
