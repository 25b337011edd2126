// Command image reads the Dockerfile with BuildKit's own front end, for both platforms and without a container engine: it runs
// BuildKit's checks, and turns the Dockerfile into the graph that an engine would carry out. The images that it starts from are not
// fetched; they are taken to exist.
//
//	go run -C tests/image . ../../Dockerfile
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: image DOCKERFILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, architecture := range []string{"amd64", "arm64"} {
		if err := examine(text, path, architecture); err != nil {
			return fmt.Errorf("linux/%s: %w", architecture, err)
		}
	}
	return nil
}

func examine(text []byte, path, architecture string) error {
	target := ocispecs.Platform{OS: "linux", Architecture: architecture}
	// Built on the other one: the harder case.
	builder := ocispecs.Platform{OS: "linux", Architecture: "amd64"}
	options := func() dockerfile2llb.ConvertOpt {
		source := llb.NewSourceMap(nil, path, "Dockerfile", text)
		source.Definition = &llb.Definition{}
		return dockerfile2llb.ConvertOpt{
			Config:         dockerui.Config{BuildPlatforms: []ocispecs.Platform{builder}},
			TargetPlatform: &target,
			MetaResolver:   empty{},
			SourceMap:      source,
		}
	}
	findings, err := dockerfile2llb.DockerfileLint(context.Background(), text, options())
	if err != nil {
		return err
	}
	for _, finding := range findings.Warnings {
		fmt.Printf("%s: %s: %s (%s)\n", path, finding.RuleName, finding.Detail, finding.URL)
	}
	if findings.Error != nil {
		return fmt.Errorf("%s", findings.Error.Message)
	}
	if len(findings.Warnings) > 0 {
		return fmt.Errorf("%d findings", len(findings.Warnings))
	}
	result, err := dockerfile2llb.Dockerfile2LLB(context.Background(), text, options())
	if err != nil {
		return err
	}
	definition, err := result.State.Marshal(context.Background(), llb.Platform(target))
	if err != nil {
		return err
	}
	return report(definition, result.Image.Config.Labels, architecture)
}

// report says which commands would run, and where: none may need the target's machine.
func report(definition *llb.Definition, labels map[string]string, architecture string) error {
	commands := 0
	for _, encoded := range definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(encoded); err != nil {
			return err
		}
		if op.GetExec() == nil {
			continue
		}
		commands++
		if op.Platform.Architecture != "amd64" {
			return fmt.Errorf("would be emulated on %v: %v", op.Platform, op.GetExec().Meta.Args)
		}
	}
	fmt.Printf("linux/%s: %d steps, %d commands, none of them emulated; %d labels\n", architecture, len(definition.Def), commands, len(labels))
	return nil
}

// empty stands for the registries.
type empty struct{}

func (empty) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	image := ocispecs.Image{Config: ocispecs.ImageConfig{Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}}}
	// Without a layer it would count as `scratch`, which is of no platform.
	image.RootFS = ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString(ref)}}
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		image.Platform = *opt.ImageOpt.Platform
	}
	config, err := json.Marshal(image)
	return ref, digest.FromBytes(config), config, err
}
