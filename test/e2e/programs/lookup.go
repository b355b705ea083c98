// Command lookup asks Go's own resolver: its arguments are triples of a key, a kind and a name. It prints a JSON object
// with what became of each: the answer, sorted, or the error; and whether that took long.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sort"
	"strings"
	"time"
)

// What takes longer is late: a search list gone through, and nobody waited for.
const late = time.Second

func look(kind, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	resolver := net.DefaultResolver
	switch kind {
	case "host", "count":
		found, err := resolver.LookupHost(ctx, name)
		if kind == "count" {
			return []string{fmt.Sprint(len(found))}, err
		}
		return found, err
	case "ptr":
		return resolver.LookupAddr(ctx, name)
	case "txt":
		return resolver.LookupTXT(ctx, name)
	case "cname":
		found, err := resolver.LookupCNAME(ctx, name)
		return []string{found}, err
	case "srv":
		_, records, err := resolver.LookupSRV(ctx, "", "", name)
		var found []string
		for _, record := range records {
			found = append(found, fmt.Sprint(*record))
		}
		return found, err
	case "mx":
		records, err := resolver.LookupMX(ctx, name)
		var found []string
		for _, record := range records {
			found = append(found, fmt.Sprint(*record))
		}
		return found, err
	}
	return nil, errors.New("no such kind")
}

func main() {
	seen := map[string]string{}
	for at := 1; at+2 < len(os.Args); at += 3 {
		start := time.Now()
		found, err := look(os.Args[at+1], os.Args[at+2])
		sort.Strings(found)
		value := strings.Join(found, " ")
		var failure *net.DNSError
		if errors.As(err, &failure) {
			value = "error " + failure.Err // without the server's address
		} else if err != nil {
			value = "error " + err.Error()
		}
		if time.Since(start) > late {
			value += ", late"
		}
		seen[os.Args[at]] = value
	}
	json.NewEncoder(os.Stdout).Encode(seen)
}
