/*
 * Asks the resolver of libc: its arguments are triples of a key, a kind and a name. It prints a JSON object with what became
 * of each: the answer, sorted, or the error; and whether that took long.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* What takes longer (s) is late: a search list gone through, and nobody waited for. */
#define LATE 1.0
#define MOST 128

static int ordered(const void *one, const void *other) { return strcmp(one, other); }

static void forward(const char *name, int only_count) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int failure = getaddrinfo(name, NULL, &hints, &found);
  if (failure) {
    printf("error %s", gai_strerror(failure));
    return;
  }
  static char texts[MOST][NI_MAXHOST];
  int count = 0;
  for (struct addrinfo *each = found; each && count < MOST; each = each->ai_next)
    getnameinfo(each->ai_addr, each->ai_addrlen, texts[count++], NI_MAXHOST, NULL, 0, NI_NUMERICHOST);
  freeaddrinfo(found);
  qsort(texts, count, NI_MAXHOST, ordered);
  if (only_count) printf("%d", count);
  else for (int at = 0; at < count; at++) printf("%s%s", at ? " " : "", texts[at]);
}

static void reverse(const char *address) {
  struct sockaddr_in peer = {.sin_family = AF_INET};
  inet_pton(AF_INET, address, &peer.sin_addr);
  char name[NI_MAXHOST];
  int failure = getnameinfo((struct sockaddr *)&peer, sizeof peer, name, sizeof name, NULL, 0, NI_NAMEREQD);
  if (failure) printf("error %s", gai_strerror(failure));
  else printf("%s", name);
}

int main(int count, char **words) {
  printf("{");
  for (int at = 1; at + 2 < count; at += 3) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    printf("%s\"%s\":\"", at > 1 ? "," : "", words[at]);
    if (!strcmp(words[at + 1], "ptr")) reverse(words[at + 2]);
    else forward(words[at + 2], !strcmp(words[at + 1], "count"));
    clock_gettime(CLOCK_MONOTONIC, &end);
    double took = (end.tv_sec - start.tv_sec) + (end.tv_nsec - start.tv_nsec) / 1e9;
    printf("%s\"", took > LATE ? ", late" : "");
  }
  printf("}\n");
  return 0;
}
