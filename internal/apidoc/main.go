// Command apidoc writes the pages that are generated from the wire: docs/api.md
// (every call, who may make it, what it promises on retry, its errors) and
// docs/privacy.md (every field that a phone can send). It reads a serialised
// FileDescriptorSet with source information. In docs/wipe.md and
// docs/app-protection.md it makes the tables anew, from the code that decides.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "apidoc:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: apidoc DESCRIPTOR_SET DOCS_FOLDER OUTPUT_FOLDER")
	}
	files, err := load(args[0])
	if err != nil {
		return err
	}
	pages := map[string]string{"api.md": apiPage(files), "privacy.md": privacyPage(files)}
	for name, anew := range withTables {
		written, err := os.ReadFile(filepath.Join(args[1], name))
		if err != nil {
			return err
		}
		if pages[name], err = anew(string(written)); err != nil {
			return err
		}
	}
	for name, page := range pages {
		if err := os.WriteFile(filepath.Join(args[2], name), []byte(page), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// withTables are the pages that are written by hand but for their tables.
var withTables = map[string]func(page string) (string, error){
	"wipe.md":           wipePage,
	"app-protection.md": appProtectionPage,
}

// load reads the project's own files from a descriptor set, by path.
func load(path string) ([]protoreflect.FileDescriptor, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(raw, &set); err != nil {
		return nil, err
	}
	registry, err := protodesc.NewFiles(&set)
	if err != nil {
		return nil, err
	}
	return ours(registry), nil
}

func ours(registry *protoregistry.Files) []protoreflect.FileDescriptor {
	var files []protoreflect.FileDescriptor
	registry.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(string(f.Package()), "mdm.") {
			files = append(files, f)
		}
		return true
	})
	slices.SortFunc(files, func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) })
	return files
}

// comment is the leading comment of a descriptor, without its margin.
func comment(d protoreflect.Descriptor) string {
	text := d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// paragraphs splits a comment at its blank lines, each joined to one line.
func paragraphs(text string) []string {
	var out []string
	for p := range strings.SplitSeq(text, "\n\n") {
		out = append(out, strings.Join(strings.Fields(p), " "))
	}
	return out
}
