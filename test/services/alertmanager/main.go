// Reads webhook bodies, one JSON document per line, into Alertmanager's own type, and prints what it read.
// A field that Alertmanager does not know ends it: bodies must not have more than the type.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	"github.com/prometheus/alertmanager/notify/webhook"
)

func main() {
	in := json.NewDecoder(os.Stdin)
	in.DisallowUnknownFields()
	out := json.NewEncoder(os.Stdout)
	for {
		var message webhook.Message
		err := in.Decode(&message)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(message); err != nil {
			log.Fatal(err)
		}
	}
}
