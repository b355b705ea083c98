// A small web service: it answers with a greeting and with what thing1 says.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// The line to edit while it runs.
const greeting = "Hello from goservice"

// From closing the listener to Shutdown, which drops every request that it reads after it began: those of connections
// that were just accepted are read by then.
const lull = 100 * time.Millisecond

// How long requests in flight have to be answered once the process is told to end: below Docker's 10 s.
const finishLimit = 8 * time.Second

var client = http.Client{Timeout: 3 * time.Second}

func main() {
	http.HandleFunc("/", answer)
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	told, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	listener, err := net.Listen("tcp", ":8080")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, net.ErrClosed) {
			log.Fatal(err)
		}
	}()
	log.Print("listening on 8080")
	<-told.Done()
	log.Print("finishing")
	listener.Close()
	time.Sleep(lull)
	limit, cancel := context.WithTimeout(context.Background(), finishLimit)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		log.Fatal(err)
	}
}

func answer(w http.ResponseWriter, r *http.Request) {
	hostname, _ := os.Hostname()
	thing1, err := ask(r.Context(), "http://thing1/")
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		thing1 = map[string]string{"error": err.Error()}
	}
	json.NewEncoder(w).Encode(map[string]any{
		"greeting": greeting,
		"hostname": hostname,
		"stage":    os.Getenv("STAGE"),
		"thing1":   thing1,
	})
}

func ask(ctx context.Context, url string) (any, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var body any
	err = json.NewDecoder(response.Body).Decode(&body)
	return body, err
}
