// Command control-plane starts and stops a local control plane for tests in other languages and for trying things out:
//
//	control-plane up DIR [controllers] [scheduler] [kwok] [keda]    prints the path of the kubeconfig once the API is ready
//	control-plane down DIR                                          ends everything that was started under DIR
//
// etcd and kube-apiserver are always started; the programs are looked for in $CONTROL_PLANE_BIN.
package main

import (
	"fmt"
	"os"
	"time"

	"forescale/tests/e2e/controlplane"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: control-plane up DIR [controllers] [scheduler] [kwok] [keda] | control-plane down DIR")
	}
	switch args[0] {
	case "up":
		return up(args[1], args[2:])
	case "down":
		return controlplane.Stop(args[1])
	default:
		return fmt.Errorf("there is no command `%s`; allowed: up, down", args[0])
	}
}

func up(dir string, parts []string) error {
	plane, err := controlplane.Up(dir, os.Getenv("CONTROL_PLANE_BIN"))
	if err != nil {
		return err
	}
	for _, part := range parts {
		switch part {
		case "controllers":
			err = plane.StartControllerManager(15 * time.Second)
		case "scheduler":
			err = plane.StartScheduler()
		case "kwok":
			err = plane.StartKWOK()
		case "keda":
			err = plane.StartKEDA()
		default:
			err = fmt.Errorf("there is no part `%s`; allowed: controllers, scheduler, kwok, keda", part)
		}
		if err != nil {
			_ = plane.Down()
			return err
		}
	}
	fmt.Println(plane.Kubeconfig)
	return nil
}
