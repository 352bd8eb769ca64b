package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoreflect"

	"ringfence/internal/enumname"
)

// enumFlag is a flag with the values of a wire enum, by their short names.
type enumFlag[E protoreflect.Enum] struct{ value *E }

// addEnum declares one, with completion.
func addEnum[E protoreflect.Enum](cmd *cobra.Command, value *E, name, usage string) {
	choices := enumname.Choices((*value).Descriptor())
	cmd.Flags().Var(enumFlag[E]{value}, name, usage+": "+strings.Join(choices, "|"))
	fixedChoices(cmd, name, choices)
}

func (f enumFlag[E]) String() string {
	if f.value == nil {
		return "" // pflag asks a zero flag what its zero value is
	}
	return enumname.Of(*f.value)
}

// Set implements pflag.Value.
func (f enumFlag[E]) Set(s string) error {
	d := (*f.value).Descriptor()
	found, ok := enumname.Find(d, s)
	if !ok {
		return fmt.Errorf("choose from: %s", strings.Join(enumname.Choices(d), ", "))
	}
	chosen, ok := (*f.value).Type().New(found.Number()).(E)
	if !ok {
		return fmt.Errorf("%s is not a %s", s, d.Name())
	}
	*f.value = chosen
	return nil
}

// Type implements pflag.Value.
func (f enumFlag[E]) Type() string { return "word" }
