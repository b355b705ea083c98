/* Looks thing1 up by musl's resolver and prints the first line of its answer. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int failure = getaddrinfo("thing1", "80", &hints, &found);
  if (failure) return fprintf(stderr, "%s\n", gai_strerror(failure)), 1;
  int peer = socket(found->ai_family, found->ai_socktype, 0);
  if (connect(peer, found->ai_addr, found->ai_addrlen)) return perror("connect"), 1;
  const char request[] = "GET / HTTP/1.0\r\nHost: thing1\r\n\r\n";
  write(peer, request, sizeof request - 1);
  char answer[4096];
  ssize_t length = read(peer, answer, sizeof answer - 1);
  if (length <= 0) return perror("read"), 1;
  answer[length] = 0;
  printf("musl: %.*s\n", (int)strcspn(answer, "\r\n"), answer);
  return 0;
}
